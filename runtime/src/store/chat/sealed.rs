//! The key of a thread, and what is sealed under it.

use intents::Timestamp;
use intents::id::ThreadId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::chat::Thread;
use crate::env::Env;
use crate::store::Error;
use crate::store::payload::PayloadKey;
use crate::store::rows::thread as row;

/// The key of a thread.
pub(super) fn key_of(row: &row::Model, master: &PayloadKey) -> Result<PayloadKey, Error> {
    PayloadKey::unwrap(&row.wrapped_key, master, &row.id)
}

/// A place in a thread, by which what is sealed for it opens nowhere else.
pub(super) fn place(thread: &str, what: &str, number: impl std::fmt::Display) -> String {
    format!("{thread}/{what}/{number}")
}

/// What is sealed at a place of a thread.
pub(super) struct Sealed<'k> {
    pub(super) key: &'k PayloadKey,
    pub(super) thread: &'k str,
}

impl Sealed<'_> {
    pub(super) fn seal(
        &self,
        env: &Env,
        what: &str,
        number: impl std::fmt::Display,
        value: &impl Serialize,
    ) -> Vec<u8> {
        self.key.seal_value(env, &place(self.thread, what, number), value)
    }

    pub(super) fn open<T: DeserializeOwned>(
        &self,
        what: &'static str,
        number: impl std::fmt::Display,
        sealed: &[u8],
    ) -> Result<T, Error> {
        self.key.open_value(what, &place(self.thread, what, number), sealed)
    }
}

/// A thread as it is kept.
pub(super) fn domain(row: row::Model, master: &PayloadKey) -> Result<Thread, Error> {
    let unreadable = |error: &dyn std::fmt::Display| Error::unreadable("thread", error.to_string());
    let key = key_of(&row, master)?;
    let sealed = Sealed { key: &key, thread: &row.id };
    let title = row.title.as_deref().map(|title| sealed.open("title", 0, title)).transpose()?;
    let id: ThreadId = row.id.parse().map_err(|error| unreadable(&error))?;
    Ok(Thread {
        id,
        state: row.state.parse().map_err(|error| unreadable(&error))?,
        title,
        automation: row.automation_id.as_deref().map(str::parse).transpose().map_err(|error| unreadable(&error))?,
        step: row.step,
        seq: row.seq,
        attempt: row.attempt,
        allowance_step: row.allowance_step,
        allowance_at: Timestamp::from_millis(row.allowance_at),
        created_by: row.created_by,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}
