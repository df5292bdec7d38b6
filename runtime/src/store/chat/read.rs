//! Looking threads, messages, steps and cards up.

use intents::Timestamp;
use intents::id::{CardId, ThreadId};
use intents::model::{Cost, Tokens};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::sealed::{Sealed, domain, key_of};
use crate::chat::{Card, ChatMessage, NewMessage, StepRow, Thread};
use crate::store::db::Queries;
use crate::store::payload::PayloadKey;
use crate::store::rows::{card, message, step, thread};
use crate::store::{Error, Store};

fn unreadable(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Error {
    move |error| Error::unreadable(what, error.to_string())
}

fn message_of(row: message::Model, key: &PayloadKey) -> Result<ChatMessage, Error> {
    let unreadable = unreadable("message");
    let sealed = Sealed { key, thread: &row.thread_id };
    let what = NewMessage {
        kind: row.kind.parse().map_err(|error| unreadable(&error))?,
        body: sealed.open("message", row.seq, &row.body)?,
        card: row.card_id.as_deref().map(str::parse).transpose().map_err(|error| unreadable(&error))?,
        cut_off: row.cut_off != 0,
        recorded: row.recorded != 0,
        cost: Cost::from_parts(row.cost),
        tokens: Tokens { input: row.tokens_in.unsigned_abs(), output: row.tokens_out.unsigned_abs() },
    };
    Ok(ChatMessage {
        id: row.id.parse().map_err(|error| unreadable(&error))?,
        thread: row.thread_id.parse().map_err(|error| unreadable(&error))?,
        seq: row.seq,
        what,
        created_at: Timestamp::from_millis(row.created_at),
    })
}

pub(super) fn card_of(row: card::Model, key: &PayloadKey) -> Result<Card, Error> {
    let unreadable = unreadable("card");
    let sealed = Sealed { key, thread: &row.thread_id };
    Ok(Card {
        body: sealed.open("card", &row.id, &row.body)?,
        id: row.id.parse().map_err(|error| unreadable(&error))?,
        thread: row.thread_id.parse().map_err(|error| unreadable(&error))?,
        automation: row.automation_id.as_deref().map(str::parse).transpose().map_err(|error| unreadable(&error))?,
        state: row.state.parse().map_err(|error| unreadable(&error))?,
        digest: row.digest,
        created_at: Timestamp::from_millis(row.created_at),
        decided_at: row.decided_at.map(Timestamp::from_millis),
        decided_by: row.decided_by,
    })
}

impl Store {
    /// One thread.
    pub async fn thread(&self, id: ThreadId) -> Result<Thread, Error> {
        domain(self.thread_row(id).await?, &self.shared().payload)
    }

    async fn thread_row(&self, id: ThreadId) -> Result<thread::Model, Error> {
        let found = self.reader().one(thread::Entity::find_by_id(id.to_string())).await?;
        found.ok_or_else(|| Error::NotFound { what: "thread", which: id.to_string() })
    }

    /// Threads, newest first, from before one of them on.
    pub async fn threads(&self, before: Option<ThreadId>, most: u64) -> Result<Vec<Thread>, Error> {
        let mut query = thread::Entity::find().order_by_desc(thread::Column::Id).limit(most);
        if let Some(before) = before {
            query = query.filter(thread::Column::Id.lt(before.to_string()));
        }
        let rows = self.reader().all(query).await?;
        rows.into_iter().map(|row| domain(row, &self.shared().payload)).collect()
    }

    /// Messages of a thread after one of them, oldest first.
    pub async fn messages(&self, thread: ThreadId, after: i64, most: u64) -> Result<Vec<ChatMessage>, Error> {
        let key = key_of(&self.thread_row(thread).await?, &self.shared().payload)?;
        let query = message::Entity::find()
            .filter(message::Column::ThreadId.eq(thread.to_string()))
            .filter(message::Column::Seq.gt(after))
            .order_by_asc(message::Column::Seq)
            .limit(most);
        self.reader().all(query).await?.into_iter().map(|row| message_of(row, &key)).collect()
    }

    /// The newest steps of a thread, oldest of them first.
    pub async fn steps(&self, thread: ThreadId, most: u64) -> Result<Vec<StepRow>, Error> {
        let key = key_of(&self.thread_row(thread).await?, &self.shared().payload)?;
        let query = step::Entity::find()
            .filter(step::Column::ThreadId.eq(thread.to_string()))
            .order_by_desc(step::Column::Step)
            .limit(most);
        let mut rows = self.reader().all(query).await?;
        rows.reverse();
        let steps = rows.into_iter().map(|row| {
            let sealed = Sealed { key: &key, thread: &row.thread_id };
            Ok(StepRow {
                number: row.step,
                step: sealed.open("step", row.step, &row.body)?,
                cost: Cost::from_parts(row.cost),
                tokens: Tokens { input: row.tokens_in.unsigned_abs(), output: row.tokens_out.unsigned_abs() },
            })
        });
        steps.collect()
    }

    /// One card.
    pub async fn card(&self, id: CardId) -> Result<Card, Error> {
        let found = self.reader().one(card::Entity::find_by_id(id.to_string())).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "card", which: id.to_string() })?;
        let thread = row.thread_id.parse().map_err(|error| Error::unreadable("card", error))?;
        let key = key_of(&self.thread_row(thread).await?, &self.shared().payload)?;
        card_of(row, &key)
    }
}
