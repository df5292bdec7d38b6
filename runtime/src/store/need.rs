//! Needs: what only the person can give, and what an answer sets going.

mod decide;
mod inbox;
mod lapse;
mod snooze;
mod together;

use std::fmt;
use std::str::FromStr;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::State;
use intents::id::{AutomationId, NeedId, RunId};
use intents::need::{Choice, Consequence, Kind, NotAChoice, Priority, answer, choices_of, lapse, priority, words_of};
use intents::outcome::Outcome;
use intents::redact::{Policy, redact_text};
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batch::Batch;
use super::db::Queries;
use super::event::{NewEvent, WORKSPACE_ROOM, digest_of};
use super::ledger::{self, SettledBy};
use super::rows::{automation, need as row};
use super::writer::Command;
use super::{Error, Store, approval, repair, room_of, run, sleep};

pub use decide::{Decision, NewQuestion};
pub(super) use decide::{ask, forget_run};
pub use inbox::Untold;
pub(super) use inbox::told;
pub(super) use lapse::{expire_due, next_change};
pub(super) use snooze::{come_back, put_off};
pub use together::{AnsweredTogether, Together};

/// Whether a need is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedStatus {
    /// Nobody has answered.
    Open,
    /// A person has answered.
    Answered,
    /// It went away by itself.
    Withdrawn,
}

impl NeedStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Open, Self::Answered, Self::Withdrawn];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered => "answered",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl fmt::Display for NeedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NeedStatus {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| Error::unreadable("need status", format!("`{text}`")))
    }
}

/// A need about to be opened. While one with the same dedupe key is open, it only counts up.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNeed {
    /// What it asks for.
    pub kind: Kind,
    /// One cause, one need.
    pub dedupe_key: String,
    /// Whose it is.
    pub automation: Option<AutomationId>,
    /// The run it is about.
    pub run: Option<RunId>,
    /// The call it is about.
    pub call: Option<u32>,
    /// The effect it is about, as the ledger knows it.
    pub effect: Option<Digest>,
    /// What is asked, in plain words.
    pub title: String,
    /// What is known.
    pub evidence: Value,
}

/// A need as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Its id.
    pub id: NeedId,
    /// What it asks for.
    pub kind: Kind,
    /// Whether it is open.
    pub status: NeedStatus,
    /// Whose it is.
    pub automation: Option<AutomationId>,
    /// The run it is about.
    pub run: Option<RunId>,
    /// What is asked, in plain words.
    pub title: String,
    /// What is known.
    pub evidence: Value,
    /// How much it matters.
    pub priority: Priority,
    /// How often the cause came up.
    pub occurrences: i64,
    /// When it gets the default of its kind, if nobody answers; that of an approval is in the approval.
    pub expires_at: Option<Timestamp>,
    /// Until when it is put off.
    pub snoozed_until: Option<Timestamp>,
    /// The answer.
    pub answer: Option<Choice>,
    /// Who answered.
    pub answered_by: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

impl Need {
    /// A choice as a person reads it: the words of an option, or its name. Nothing secret is in it.
    pub fn said(&self, choice: Choice) -> String {
        let words = words_of(self.kind, &self.evidence, choice);
        words.map_or_else(|| choice.to_string(), |words| redact_text(&words, Policy::Secrets))
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    title: String,
    evidence: Value,
}

/// The body of a need whose words are erased; none when they are already.
pub(super) fn erased_body(batch: &Batch<'_>, need: &row::Model, open: bool) -> Result<Option<Vec<u8>>, Error> {
    let evidence = json!({ "erased": true });
    let body: Body = batch.shared.payload.open_value("need", &need.id, &need.body)?;
    if body.evidence == evidence {
        return Ok(None);
    }
    let title = if open { "A question about content that was erased; its kind says what is asked" } else { "(erased)" };
    let body = Body { title: title.to_owned(), evidence };
    Ok(Some(batch.shared.payload.seal_value(&batch.shared.env, &need.id, &body)))
}

/// What is known about a stored need.
pub(super) fn evidence_of(batch: &Batch<'_>, need: &row::Model) -> Result<Value, Error> {
    let body: Body = batch.shared.payload.open_value("need", &need.id, &need.body)?;
    Ok(body.evidence)
}

/// Opens a need, or counts it up.
pub(super) async fn open(batch: &mut Batch<'_>, new: &NewNeed) -> Result<NeedId, Error> {
    open_until(batch, new, None).await
}

/// Opens a need that gets its default at a time of its own, or counts it up.
async fn open_until(batch: &mut Batch<'_>, new: &NewNeed, until: Option<Timestamp>) -> Result<NeedId, Error> {
    let known = batch
        .tx
        .one(
            row::Entity::find()
                .filter(row::Column::DedupeKey.eq(&new.dedupe_key))
                .filter(row::Column::Status.eq(NeedStatus::Open.as_str())),
        )
        .await?;
    if let Some(mut known) = known {
        let id = parse(&known.id)?;
        // The same call that asks again, after a start or a wake, is no further occurrence.
        let same_call = new.call.is_some()
            && known.call == new.call.map(i64::from)
            && known.run_id == new.run.map(|run| run.to_string());
        if same_call {
            return Ok(id);
        }
        known.occurrences += 1;
        batch.tx.update(&known).await?;
        return Ok(id);
    }
    let id = batch.shared.env.need_id();
    let body = Body { title: new.title.clone(), evidence: new.evidence.clone() };
    let model = row::Model {
        id: id.to_string(),
        kind: new.kind.as_str().to_owned(),
        status: NeedStatus::Open.as_str().to_owned(),
        dedupe_key: new.dedupe_key.clone(),
        automation_id: new.automation.map(|id| id.to_string()),
        run_id: new.run.map(|id| id.to_string()),
        call: new.call.map(i64::from),
        effect: new.effect.map(|effect| effect.as_bytes().to_vec()),
        body: batch.shared.payload.seal_value(&batch.shared.env, &id.to_string(), &body),
        occurrences: 1,
        answer: None,
        answered_by: None,
        created_at: batch.now.as_millis(),
        answered_at: None,
        priority: priority(new.kind, &new.evidence).rank(),
        expires_at: until.or_else(|| lapse(new.kind).map(|lapse| batch.now + lapse.after)).map(Timestamp::as_millis),
        snoozed_until: None,
        told_mail: None,
        told_webhook: None,
    };
    if model.expires_at.is_some() {
        batch.touch_timers();
    }
    event(batch, "need.opened", &model, "executor", json!({ "need": model.id, "kind": model.kind })).await?;
    batch.tx.insert(&model).await?;
    Ok(id)
}

/// Gives an open need other words, since more is known by now.
pub(super) async fn say_anew(batch: &Batch<'_>, id: NeedId, new: &NewNeed) -> Result<(), Error> {
    let found = batch.tx.one(row::Entity::find_by_id(id.to_string())).await?;
    let mut need = found.ok_or_else(|| Error::NotFound { what: "need", which: id.to_string() })?;
    let body = Body { title: new.title.clone(), evidence: new.evidence.clone() };
    need.body = batch.shared.payload.seal_value(&batch.shared.env, &need.id, &body);
    batch.tx.update(&need).await
}

/// Whether the last need with a dedupe key is open no more.
pub(super) async fn was_closed(batch: &Batch<'_>, dedupe_key: &str) -> Result<bool, Error> {
    let last = batch
        .tx
        .one(row::Entity::find().filter(row::Column::DedupeKey.eq(dedupe_key)).order_by_desc(row::Column::Id))
        .await?;
    Ok(last.is_some_and(|need| need.status != NeedStatus::Open.as_str()))
}

async fn event(
    batch: &mut Batch<'_>,
    kind: &'static str,
    need: &row::Model,
    actor: &str,
    data: Value,
) -> Result<(), Error> {
    let automation = need.automation_id.as_ref().map(|id| id.parse()).transpose();
    let automation: Option<AutomationId> = automation.map_err(|error| Error::unreadable("automation id", error))?;
    let room = automation.map_or(WORKSPACE_ROOM, room_of);
    let run = need.run_id.clone();
    batch.event(NewEvent { room, kind, actor: actor.to_owned(), run, cause: None, data }).await
}

fn parse(text: &str) -> Result<NeedId, Error> {
    text.parse().map_err(|error| Error::unreadable("need id", error))
}

/// A person's answer.
struct Answer {
    need: NeedId,
    choice: Choice,
    by: String,
}

impl Command for Answer {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        take_answer(batch, &self.need.to_string(), self.choice, &self.by, None).await
    }
}

/// Takes an answer, whichever face it came through, and does what it says.
pub(super) async fn take_answer(
    batch: &mut Batch<'_>,
    need: &str,
    choice: Choice,
    by: &str,
    note: Option<&str>,
) -> Result<(), Error> {
    let mut need = find(batch, need).await?;
    let kind: Kind = need.kind.parse().map_err(|error| Error::unreadable("need", error))?;
    let refused = |refused: NotAChoice| Error::Conflict { code: "NEED_CHOICE", reason: refused.to_string() };
    let consequence = answer(kind, choice).map_err(refused)?;
    if kind == Kind::Decide && !choices_of(kind, &evidence_of(batch, &need)?).contains(&choice) {
        return Err(refused(NotAChoice { kind, choice }));
    }
    // First, so that who comes too late is told what was decided.
    match consequence {
        Consequence::Approve => approval::decide(batch, &need.id, true, by, note).await?,
        Consequence::Refuse => approval::decide(batch, &need.id, false, by, note).await?,
        Consequence::SettleApplied
        | Consequence::SettleNotApplied
        | Consequence::Resume
        | Consequence::Restart
        | Consequence::Repair
        | Consequence::Accept
        | Consequence::Decline
        | Consequence::EndRun
        | Consequence::Close => {}
    }
    refuse_closed(&need)?;
    need.status = NeedStatus::Answered.as_str().to_owned();
    need.answer = Some(choice.as_str().to_owned());
    need.answered_by = Some(by.to_owned());
    need.answered_at = Some(batch.now.as_millis());
    batch.tx.update(&need).await?;
    let data = json!({ "need": need.id, "kind": need.kind, "answer": choice.as_str() });
    event(batch, "need.answered", &need, by, data).await?;
    follow(batch, &need, consequence, by).await
}

/// What is open no more stays as it was decided.
fn refuse_closed(need: &row::Model) -> Result<(), Error> {
    if need.status == NeedStatus::Open.as_str() {
        return Ok(());
    }
    let reason = format!("the need {} is {} already", need.id, need.status);
    Err(Error::Conflict { code: "NEED_ANSWERED", reason })
}

async fn find(batch: &Batch<'_>, need: &str) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find_by_id(need)).await?;
    found.ok_or_else(|| Error::NotFound { what: "need", which: need.to_owned() })
}

async fn follow(batch: &mut Batch<'_>, need: &row::Model, consequence: Consequence, by: &str) -> Result<(), Error> {
    let waiting = sleep::waiting_for_need(batch, &need.id).await?;
    match consequence {
        Consequence::SettleApplied => settle_by_person(batch, need, State::Applied).await?,
        Consequence::SettleNotApplied => settle_by_person(batch, need, State::NotApplied).await?,
        Consequence::Resume | Consequence::Approve | Consequence::Refuse | Consequence::Close => {}
        Consequence::Repair | Consequence::Accept | Consequence::Decline => {
            repair::answered(batch, &need.id, consequence, by).await?;
        }
        // Runs that wait for a repair go on together; any other is started again by itself.
        Consequence::Restart if repair::answered(batch, &need.id, consequence, by).await? => {}
        Consequence::Restart => restart(batch, need).await?,
        Consequence::EndRun => {
            // The run that it is about may not sleep yet, or not any more.
            let own = need.run_id.as_deref().map(run::parse).transpose()?;
            let others = waiting.iter().copied().filter(|id| Some(*id) != own);
            for id in own.into_iter().chain(others) {
                let phase: Phase =
                    batch.run(id).await?.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
                if !phase.is_over() {
                    run::stop(batch, id, by).await?;
                }
            }
            return Ok(());
        }
    }
    for id in waiting {
        sleep::wake(batch, id).await?;
    }
    Ok(())
}

async fn settle_by_person(batch: &mut Batch<'_>, need: &row::Model, state: State) -> Result<(), Error> {
    let effect = need.effect.as_ref().ok_or_else(|| Error::unreadable("need", "it names no effect"))?;
    // Nobody has the service's answer; the script learns who says that it happened.
    let outcome = (state == State::Applied).then(|| Outcome::Value(json!({ "settled_by": "person" })));
    ledger::settle(batch, digest_of(effect)?, state, outcome.as_ref(), SettledBy::Person).await.map(|_| ())
}

/// A new run takes the item of the failed one, under the contract and script in force.
async fn restart(batch: &mut Batch<'_>, need: &row::Model) -> Result<(), Error> {
    let Some(id) = &need.run_id else { return Ok(()) };
    let run = batch.run(run::parse(id)?).await?;
    let phase: Phase = run.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
    if !phase.is_over() {
        return Ok(());
    }
    let found = batch.tx.one(automation::Entity::find_by_id(&run.automation_id)).await?;
    let automation = found.ok_or_else(|| Error::NotFound { what: "automation", which: run.automation_id.clone() })?;
    let item = run.item()?;
    let id = batch.shared.env.run_id();
    let mut again = run::new(batch, &automation, id, Phase::Queued);
    (again.item_id, again.trigger_id) = (Some(item.to_string()), run.trigger_id);
    run::create(batch, again, None).await?;
    Ok(())
}

struct Open(NewNeed);

impl Command for Open {
    type Reply = NeedId;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<NeedId, Error> {
        open(batch, &self.0).await
    }
}

/// Closes an open need whose cause has gone.
struct Withdraw {
    dedupe_key: String,
}

impl Command for Withdraw {
    type Reply = bool;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<bool, Error> {
        let found = batch
            .tx
            .one(
                row::Entity::find()
                    .filter(row::Column::DedupeKey.eq(&self.dedupe_key))
                    .filter(row::Column::Status.eq(NeedStatus::Open.as_str())),
            )
            .await?;
        let Some(need) = found else { return Ok(false) };
        close(batch, need).await?;
        Ok(true)
    }
}

/// Closes a need whose cause has gone, if it is open.
pub(super) async fn withdraw(batch: &mut Batch<'_>, id: &str) -> Result<(), Error> {
    match batch.tx.one(row::Entity::find_by_id(id)).await? {
        Some(need) if need.status == NeedStatus::Open.as_str() => close(batch, need).await,
        Some(_) | None => Ok(()),
    }
}

async fn close(batch: &mut Batch<'_>, mut need: row::Model) -> Result<(), Error> {
    need.status = NeedStatus::Withdrawn.as_str().to_owned();
    need.answered_at = Some(batch.now.as_millis());
    batch.tx.update(&need).await?;
    event(batch, "need.withdrawn", &need, "steward", json!({ "need": need.id, "kind": need.kind })).await
}

impl Store {
    /// Opens a need, or counts up the open one with the same cause.
    pub async fn open_need(&self, new: NewNeed) -> Result<NeedId, Error> {
        self.commit(Open(new)).await
    }

    /// Closes an open need whose cause has gone; says whether there was one.
    pub async fn withdraw_need(&self, dedupe_key: &str) -> Result<bool, Error> {
        self.commit(Withdraw { dedupe_key: dedupe_key.to_owned() }).await
    }

    /// Takes a person's answer, and sets going what waited for it.
    pub async fn answer_need(&self, need: NeedId, choice: Choice, by: &str) -> Result<Need, Error> {
        self.commit(Answer { need, choice, by: by.to_owned() }).await?;
        self.need(need).await
    }

    /// One need.
    pub async fn need(&self, id: NeedId) -> Result<Need, Error> {
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        found.ok_or_else(|| Error::NotFound { what: "need", which: id.to_string() }).and_then(|row| self.need_view(row))
    }

    /// Needs, newest first; open ones only when asked so.
    pub async fn needs(
        &self,
        status: Option<NeedStatus>,
        before: Option<NeedId>,
        most: u64,
    ) -> Result<Vec<Need>, Error> {
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(status) = status {
            query = query.filter(row::Column::Status.eq(status.as_str()));
        }
        if let Some(before) = before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        self.reader().all(query).await?.into_iter().map(|row| self.need_view(row)).collect()
    }

    /// How many needs are open.
    pub async fn open_needs(&self) -> Result<u64, Error> {
        self.reader().count(row::Entity::find().filter(row::Column::Status.eq(NeedStatus::Open.as_str()))).await
    }

    fn need_view(&self, row: row::Model) -> Result<Need, Error> {
        let body: Body = self.shared().payload.open_value("need", &row.id, &row.body)?;
        let unreadable = |error| Error::unreadable("need", error);
        Ok(Need {
            id: parse(&row.id)?,
            kind: row.kind.parse().map_err(unreadable)?,
            status: row.status.parse()?,
            automation: row
                .automation_id
                .map(|id| id.parse().map_err(|error| Error::unreadable("automation id", error)))
                .transpose()?,
            run: row.run_id.map(|id| run::parse(&id)).transpose()?,
            title: body.title,
            evidence: body.evidence,
            priority: Priority::of_rank(row.priority)
                .ok_or_else(|| Error::unreadable("need", format!("it has the priority {}", row.priority)))?,
            occurrences: row.occurrences,
            expires_at: row.expires_at.map(Timestamp::from_millis),
            snoozed_until: row.snoozed_until.map(Timestamp::from_millis),
            answer: row.answer.map(|answer| answer.parse().map_err(unreadable)).transpose()?,
            answered_by: row.answered_by,
            created_at: Timestamp::from_millis(row.created_at),
            answered_at: row.answered_at.map(Timestamp::from_millis),
        })
    }
}
