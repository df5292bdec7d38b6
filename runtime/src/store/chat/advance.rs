//! A thread goes on by a step: what the model sees, what the person sees, and whose turn it is then, in one commit.

use intents::id::{CardId, ThreadId};
use intents::model::{Cost, Tokens};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::sealed::{Sealed, domain, key_of};
use super::thread::{change_state, find, tell};
use crate::chat::{CardBody, CardState, ChatMessage, NewMessage, Step, Thread, ThreadState};
use crate::store::batch::Batch;
use crate::store::payload::PayloadKey;
use crate::store::rows::{card, message, step, thread as row};
use crate::store::writer::Command;
use crate::store::{Error, Store};

/// Who goes on with threads.
const ACTOR: &str = "planner";

/// A step that is to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStep {
    /// The step.
    pub step: Step,
    /// What it cost.
    pub cost: Cost,
    /// The tokens that it took.
    pub tokens: Tokens,
}

impl NewStep {
    /// A step that no model was paid for.
    pub fn free(step: Step) -> Self {
        Self { step, cost: Cost::ZERO, tokens: Tokens::default() }
    }
}

/// A card that is to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCard {
    /// Its id.
    pub id: CardId,
    /// The digest of what the person sees and confirms.
    pub digest: String,
    /// What it says.
    pub body: CardBody,
}

/// A thread goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct AdvanceThread {
    /// The thread.
    pub thread: ThreadId,
    /// The last step that is known to whoever goes on.
    pub after: i64,
    /// What the model sees from now on.
    pub steps: Vec<NewStep>,
    /// What the person sees from now on.
    pub messages: Vec<NewMessage>,
    /// A card that takes the place of those which the person has not decided on.
    pub card: Option<Box<NewCard>>,
    /// Whose turn it is then.
    pub state: ThreadState,
}

impl Command for AdvanceThread {
    type Reply = Thread;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Thread, Error> {
        let mut row = find(batch, self.thread).await?;
        if row.step != self.after || row.state != ThreadState::Working.as_str() {
            let reason = "the thread has gone on meanwhile".to_owned();
            return Err(Error::Conflict { code: "THREAD_MOVED", reason });
        }
        let key = key_of(&row, &batch.shared.payload)?;
        for step in &self.steps {
            add_step(batch, &mut row, &key, step).await?;
        }
        if let Some(card) = &self.card {
            show_card(batch, &row, &key, card).await?;
        }
        for message in &self.messages {
            add_message(batch, &mut row, &key, message.clone()).await?;
        }
        if !self.steps.is_empty() {
            row.attempt = 0;
        }
        row.partial = None;
        row.updated_at = batch.now.as_millis();
        change_state(batch, &mut row, self.state, ACTOR).await?;
        batch.tx.update(&row).await?;
        domain(row, &batch.shared.payload)
    }
}

/// Adds a step to a thread; the caller stores the thread.
pub(super) async fn add_step(
    batch: &Batch<'_>,
    row: &mut row::Model,
    key: &PayloadKey,
    new: &NewStep,
) -> Result<(), Error> {
    row.step += 1;
    let sealed = Sealed { key, thread: &row.id };
    let model = step::Model {
        thread_id: row.id.clone(),
        step: row.step,
        cost: new.cost.parts(),
        tokens_in: count(new.tokens.input),
        tokens_out: count(new.tokens.output),
        body: sealed.seal(&batch.shared.env, "step", row.step, &new.step),
        created_at: batch.now.as_millis(),
    };
    batch.tx.insert(&model).await
}

/// A count as the database holds it.
fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Adds a message to a thread; the caller stores the thread.
pub(super) async fn add_message(
    batch: &Batch<'_>,
    row: &mut row::Model,
    key: &PayloadKey,
    new: NewMessage,
) -> Result<ChatMessage, Error> {
    row.seq += 1;
    let id = batch.shared.env.message_id();
    let sealed = Sealed { key, thread: &row.id };
    let model = message::Model {
        thread_id: row.id.clone(),
        seq: row.seq,
        id: id.to_string(),
        kind: new.kind.as_str().to_owned(),
        card_id: new.card.map(|card| card.to_string()),
        cut_off: new.cut_off.into(),
        recorded: new.recorded.into(),
        cost: new.cost.parts(),
        tokens_in: count(new.tokens.input),
        tokens_out: count(new.tokens.output),
        body: sealed.seal(&batch.shared.env, "message", row.seq, &new.body),
        created_at: batch.now.as_millis(),
    };
    batch.tx.insert(&model).await?;
    let thread = row.id.parse().map_err(|error| Error::unreadable("thread", error))?;
    Ok(ChatMessage { id, thread, seq: row.seq, what: new, created_at: batch.now })
}

async fn show_card(batch: &mut Batch<'_>, row: &row::Model, key: &PayloadKey, new: &NewCard) -> Result<(), Error> {
    let superseded = card::Entity::update_many()
        .col_expr(card::Column::State, Expr::value(CardState::Superseded.as_str()))
        .filter(card::Column::ThreadId.eq(&row.id))
        .filter(card::Column::State.eq(CardState::Proposed.as_str()));
    batch.tx.change(superseded).await?;
    let sealed = Sealed { key, thread: &row.id };
    let id = new.id.to_string();
    let model = card::Model {
        thread_id: row.id.clone(),
        automation_id: None,
        state: CardState::Proposed.as_str().to_owned(),
        digest: new.digest.clone(),
        body: sealed.seal(&batch.shared.env, "card", &id, &new.body),
        created_at: batch.now.as_millis(),
        decided_at: None,
        decided_by: None,
        id,
    };
    batch.tx.insert(&model).await?;
    let data = json!({
        "thread": row.id, "card": model.id, "digest": new.digest,
        "contract": new.body.contract_digest, "script": new.body.script_digest, "verdict": new.body.verdict,
    });
    tell(batch, row, "card.proposed", ACTOR, data).await
}

impl Store {
    /// Goes on with a thread, unless it has moved meanwhile.
    pub async fn advance_thread(&self, advance: AdvanceThread) -> Result<Thread, Error> {
        self.commit(advance).await
    }
}
