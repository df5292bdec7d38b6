//! Asking: a run goes to sleep on a question of its own, or on one that is open already.

use std::collections::BTreeSet;
use std::time::Duration;

use intents::approval::{ASKS_PER_RUN_MAX, Binding, Status};
use intents::canonical::Digest;
use intents::id::AutomationId;
use intents::need::Kind;
use intents::tool::Name;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::consent::answers;
use super::entry::{LIVE, binding_of, grounds_of, last_of, place, status_of, tell, void};
use crate::store::Error;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::need::{self, NewNeed};
use crate::store::rows::approval as row;

/// A clause for which a yes is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// The clause: the same in each call under the same contract.
    pub subject: Digest,
    /// The clause in plain words.
    pub words: String,
}

/// So many effects under one yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What each of them has in common.
    pub subject: Digest,
    /// How many.
    pub at_most: u32,
    /// For how long after the yes.
    pub valid_for: Duration,
}

/// A question about to be put to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// Whose effect it is.
    pub automation: AutomationId,
    /// The number of the call.
    pub call: u32,
    /// The tool.
    pub tool: Name,
    /// What the yes is for.
    pub binding: Binding,
    /// The clauses that want it.
    pub grounds: Vec<Ground>,
    /// The envelope, where a yes covers more than this effect.
    pub envelope: Option<Envelope>,
    /// How long the question waits, and how long a yes to one effect waits for its use.
    pub life: Duration,
    /// What is asked, in one line.
    pub title: String,
    /// Everything that the person must see to answer: the arguments above all.
    pub shown: Value,
}

/// What a question holds beside its columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) binding: Binding,
    pub(super) grounds: Vec<Ground>,
    pub(super) title: String,
    pub(super) shown: Value,
    /// What is not as it was when it was asked before.
    #[serde(default)]
    pub(super) asked_again_for: Vec<String>,
}

/// What a run finds that asks.
pub(in crate::store) enum Question {
    /// It is open: the answer to this need ends the wait.
    Open(String),
    /// The answer is there already.
    Answered,
}

/// Puts a question, unless it is open or answered already.
pub(in crate::store) async fn ask(batch: &mut Batch<'_>, new: &NewApproval) -> Result<Question, Error> {
    let automation = new.automation.to_string();
    let binding = binding_of(batch, &new.binding, &automation, new.envelope.as_ref());
    let wanted: BTreeSet<Digest> = new.grounds.iter().map(|ground| ground.subject).collect();
    if let Some(last) = last_of(batch, binding.clone()).await? {
        let covers = wanted.is_subset(&grounds_of(&last)?);
        match status_of(&last)? {
            Status::Pending | Status::Held if covers => {
                batch.set_asking(new.binding.run, true);
                return Ok(Question::Open(last.need_id));
            }
            Status::Approved if covers && last.expires_at > batch.now.as_millis() => return Ok(Question::Answered),
            Status::Refused | Status::Expired if answers(batch, &last, new.binding.run).await? => {
                return Ok(Question::Answered);
            }
            Status::Pending | Status::Held | Status::Approved => void(batch, last, "there is more to ask").await?,
            Status::Refused | Status::Expired | Status::Used | Status::Void => {}
        }
    }
    let need = create(batch, new, binding).await?;
    Ok(Question::Open(need))
}

async fn create(batch: &mut Batch<'_>, new: &NewApproval, binding: Vec<u8>) -> Result<String, Error> {
    let run = batch.run(new.binding.run).await?;
    let asked = batch.tx.count(row::Entity::find().filter(row::Column::RunId.eq(&run.id))).await?;
    if asked >= u64::from(ASKS_PER_RUN_MAX) {
        let reason = format!("the run {} has asked for {ASKS_PER_RUN_MAX} approvals; it may not ask for more", run.id);
        return Err(Error::Conflict { code: "LIMIT_APPROVALS", reason });
    }
    let id = batch.shared.env.approval_id().to_string();
    let key = batch.key_of_run(&run).await?;
    let place = place(batch, &new.binding);
    let asked_again_for = supersede(batch, &place, &new.binding, &key).await?;
    let need = NewNeed {
        kind: Kind::Approve,
        dedupe_key: format!("approve:{id}"),
        automation: Some(new.automation),
        run: Some(new.binding.run),
        call: Some(new.call),
        effect: None,
        title: new.title.clone(),
        // What is asked about is in the approval, and goes when the content of its run is erased.
        evidence: json!({ "approval": id }),
    };
    let need = need::open(batch, &need).await?.to_string();
    let body = Body {
        binding: new.binding.clone(),
        grounds: new.grounds.clone(),
        title: new.title.clone(),
        shown: new.shown.clone(),
        asked_again_for,
    };
    let (at_most, lasts) = match &new.envelope {
        Some(envelope) => (envelope.at_most, envelope.valid_for),
        None => (1, new.life),
    };
    let grounds: BTreeSet<Digest> = new.grounds.iter().map(|ground| ground.subject).collect();
    let model = row::Model {
        body: Some(key.seal_value(&batch.shared.env, &id, &body)),
        id,
        status: Status::Pending.as_str().to_owned(),
        automation_id: new.automation.to_string(),
        run_id: run.id,
        call: i64::from(new.call),
        tool: new.tool.to_string(),
        binding,
        place,
        grounds: serde_json::to_string(&grounds).expect("digests are texts"),
        need_id: need.clone(),
        envelope: i64::from(new.envelope.is_some()),
        at_most: i64::from(at_most),
        used: 0,
        life_ms: millis(lasts),
        held_until: None,
        expires_at: (batch.now + new.life).as_millis(),
        answer: None,
        decided_by: None,
        decided_at: None,
        note: None,
        created_at: batch.now.as_millis(),
    };
    let data = json!({ "need": need, "tool": model.tool, "envelope": model.envelope == 1 });
    tell(batch, &model, "approval.asked", "executor", data).await?;
    batch.tx.insert(&model).await?;
    batch.set_asking(new.binding.run, true);
    batch.touch_timers();
    Ok(need)
}

/// What was asked about the same effect before is for nothing any more. Says what is not as it was.
async fn supersede(
    batch: &mut Batch<'_>,
    place: &[u8],
    binding: &Binding,
    key: &crate::store::payload::PayloadKey,
) -> Result<Vec<String>, Error> {
    let earlier = row::Entity::find()
        .filter(row::Column::RunId.eq(binding.run.to_string()))
        .filter(row::Column::Place.eq(place.to_vec()))
        .filter(row::Column::Status.is_in(LIVE))
        .filter(row::Column::Envelope.eq(0));
    let earlier = batch.tx.all(earlier).await?;
    let mut differences = BTreeSet::new();
    for row in earlier {
        if let Some(body) = &row.body {
            let body: Body = key.open_value("approval", &row.id, body)?;
            differences.extend(binding.differs_in(&body.binding));
        }
        void(batch, row, "what was asked about has changed").await?;
    }
    Ok(differences.into_iter().map(str::to_owned).collect())
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}
