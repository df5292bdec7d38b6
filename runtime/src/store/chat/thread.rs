//! Threads: begun, looked for, cut off, taken up again, erased.

use intents::id::ThreadId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Value, json};

use super::advance::add_message;
use super::sealed::{Sealed, domain, key_of};
use crate::chat::{MessageKind, NewMessage, Thread, ThreadState};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::event::NewEvent;
use crate::store::payload::PayloadKey;
use crate::store::rows::{card, message, model_call as call, step, thread as row};
use crate::store::writer::Command;
use crate::store::{Error, Store, model_call};

/// Threads that are erased in one commit.
const SWEEP_MAX: u64 = 50;

/// The row of a thread.
pub(super) async fn find(batch: &Batch<'_>, id: ThreadId) -> Result<row::Model, Error> {
    let found = batch.tx.one(row::Entity::find_by_id(id.to_string())).await?;
    found.ok_or_else(|| Error::NotFound { what: "thread", which: id.to_string() })
}

/// Says in the record that something about a thread is another.
pub(super) async fn tell(
    batch: &mut Batch<'_>,
    row: &row::Model,
    kind: &'static str,
    by: &str,
    data: Value,
) -> Result<(), Error> {
    let id: ThreadId = row.id.parse().map_err(|error| Error::unreadable("thread", error))?;
    let room = crate::chat::room_of_thread(id);
    batch.event(NewEvent { room, kind, actor: by.to_owned(), run: None, cause: None, data }).await
}

/// Puts a thread into a state, and tells so where it was in another.
pub(super) async fn change_state(
    batch: &mut Batch<'_>,
    row: &mut row::Model,
    state: ThreadState,
    by: &str,
) -> Result<(), Error> {
    if row.state == state.as_str() {
        return Ok(());
    }
    row.state = state.as_str().to_owned();
    let kind = match state {
        ThreadState::Idle => "thread.rested",
        ThreadState::Asking => "thread.asked",
        ThreadState::Working => "thread.worked",
        ThreadState::CutOff => "thread.cut_off",
    };
    let data = json!({ "thread": row.id, "step": row.step, "seq": row.seq });
    tell(batch, row, kind, by, data).await
}

/// A thread begins.
struct Begin {
    by: String,
}

impl Command for Begin {
    type Reply = Thread;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Thread, Error> {
        let (env, now) = (&batch.shared.env, batch.now.as_millis());
        let id = env.thread_id().to_string();
        let key = PayloadKey::fresh(env);
        let row = row::Model {
            state: ThreadState::Idle.as_str().to_owned(),
            automation_id: None,
            step: 0,
            seq: 0,
            attempt: 0,
            allowance_step: 0,
            allowance_at: now,
            wrapped_key: key.wrapped(&batch.shared.payload, env, &id),
            title: None,
            partial: None,
            created_by: self.by.clone(),
            created_at: now,
            updated_at: now,
            id,
        };
        batch.tx.insert(&row).await?;
        tell(batch, &row, "thread.begun", &self.by, json!({ "thread": row.id })).await?;
        domain(row, &batch.shared.payload)
    }
}

/// An answer is cut off: what came of it stays, and the person says whether to go on.
struct CutOff {
    thread: ThreadId,
    /// What the person is told.
    why: String,
    by: String,
}

impl Command for CutOff {
    type Reply = Thread;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Thread, Error> {
        let mut row = find(batch, self.thread).await?;
        if row.state == ThreadState::Working.as_str() {
            let key = key_of(&row, &batch.shared.payload)?;
            let sealed = Sealed { key: &key, thread: &row.id };
            let partial: Option<String> =
                row.partial.as_deref().map(|partial| sealed.open("partial", 0, partial)).transpose()?;
            if let Some(text) = partial.filter(|text| !text.is_empty()) {
                let cut = NewMessage { cut_off: true, ..NewMessage::new(MessageKind::Assistant, text) };
                add_message(batch, &mut row, &key, cut).await?;
            }
            add_message(batch, &mut row, &key, NewMessage::new(MessageKind::Notice, &self.why)).await?;
            row.partial = None;
            row.updated_at = batch.now.as_millis();
            change_state(batch, &mut row, ThreadState::CutOff, &self.by).await?;
            batch.tx.update(&row).await?;
        }
        domain(row, &batch.shared.payload)
    }
}

/// A thread that was cut off goes on, with a new allowance.
struct GoOn {
    thread: ThreadId,
    by: String,
}

impl Command for GoOn {
    type Reply = Thread;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Thread, Error> {
        let mut row = find(batch, self.thread).await?;
        if row.state != ThreadState::CutOff.as_str() {
            let reason = "nothing was cut off in this thread; say something to go on".to_owned();
            return Err(Error::Conflict { code: "THREAD_NOT_CUT_OFF", reason });
        }
        row.attempt += 1;
        row.allowance_step = row.step;
        row.allowance_at = batch.now.as_millis();
        row.updated_at = batch.now.as_millis();
        change_state(batch, &mut row, ThreadState::Working, &self.by).await?;
        batch.tx.update(&row).await?;
        domain(row, &batch.shared.payload)
    }
}

/// Keeps what came of an answer so far, for the case that the server ends.
struct KeepPartial {
    thread: ThreadId,
    step: i64,
    text: String,
}

impl Command for KeepPartial {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let mut row = find(batch, self.thread).await?;
        // The answer may have come meanwhile.
        if row.state == ThreadState::Working.as_str() && row.step == self.step {
            let key = key_of(&row, &batch.shared.payload)?;
            let sealed = Sealed { key: &key, thread: &row.id };
            row.partial = Some(sealed.seal(&batch.shared.env, "partial", 0, &self.text));
            batch.tx.update(&row).await?;
        }
        Ok(())
    }
}

/// A thread goes, with everything that was said in it. What came of it stays.
struct EraseThread {
    thread: ThreadId,
    by: String,
}

impl Command for EraseThread {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let row = find(batch, self.thread).await?;
        erase(batch, std::slice::from_ref(&row.id)).await?;
        tell(batch, &row, "thread.erased", &self.by, json!({ "thread": row.id })).await
    }
}

async fn erase(batch: &Batch<'_>, threads: &[String]) -> Result<(), Error> {
    let rooms: Vec<_> = threads
        .iter()
        .filter_map(|id| id.parse().ok())
        .map(|id: ThreadId| crate::chat::room_of_thread(id).to_string())
        .collect();
    model_call::forget(batch, call::Column::Room.is_in(rooms)).await?;
    batch.tx.change(message::Entity::delete_many().filter(message::Column::ThreadId.is_in(threads))).await?;
    batch.tx.change(step::Entity::delete_many().filter(step::Column::ThreadId.is_in(threads))).await?;
    batch.tx.change(card::Entity::delete_many().filter(card::Column::ThreadId.is_in(threads))).await?;
    batch.tx.change(row::Entity::delete_many().filter(row::Column::Id.is_in(threads))).await?;
    Ok(())
}

/// Erases threads in which nothing was said since a time.
pub(in crate::store) async fn sweep(batch: &Batch<'_>, before: i64) -> Result<u64, Error> {
    let old = row::Entity::find()
        .select_only()
        .column(row::Column::Id)
        .filter(row::Column::UpdatedAt.lt(before))
        .filter(row::Column::State.ne(ThreadState::Working.as_str()))
        .order_by_asc(row::Column::Id)
        .limit(SWEEP_MAX);
    let old: Vec<String> = batch.tx.tuples(old).await?;
    if !old.is_empty() {
        erase(batch, &old).await?;
    }
    Ok(old.len() as u64)
}

impl Store {
    /// Begins a thread.
    pub async fn begin_thread(&self, by: &str) -> Result<Thread, Error> {
        self.commit(Begin { by: by.to_owned() }).await
    }

    /// Cuts the answer of a thread off that is on its way; what came of it stays. Does nothing where none is.
    pub async fn cut_thread_off(&self, thread: ThreadId, why: &str, by: &str) -> Result<Thread, Error> {
        self.commit(CutOff { thread, why: why.to_owned(), by: by.to_owned() }).await
    }

    /// Lets a thread go on that was cut off.
    pub async fn go_on_with_thread(&self, thread: ThreadId, by: &str) -> Result<Thread, Error> {
        self.commit(GoOn { thread, by: by.to_owned() }).await
    }

    /// Keeps what came of an answer so far.
    pub async fn keep_partial(&self, thread: ThreadId, step: i64, text: String) -> Result<(), Error> {
        self.commit(KeepPartial { thread, step, text }).await
    }

    /// Erases a thread for good.
    pub async fn erase_thread(&self, thread: ThreadId, by: &str) -> Result<(), Error> {
        self.commit(EraseThread { thread, by: by.to_owned() }).await?;
        self.scrub().await
    }

    /// Threads in which the planner has work, oldest first.
    pub async fn working_threads(&self, most: u64) -> Result<Vec<ThreadId>, Error> {
        let working = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .filter(row::Column::State.eq(ThreadState::Working.as_str()))
            .order_by_asc(row::Column::UpdatedAt)
            .limit(most);
        let ids: Vec<String> = self.reader().tuples(working).await?;
        ids.iter().map(|id| id.parse().map_err(|error| Error::unreadable("thread", error))).collect()
    }
}
