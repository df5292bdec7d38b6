//! A person says something.

use intents::id::ThreadId;
use serde_json::json;

use super::advance::{add_message, add_step};
use super::sealed::{Sealed, key_of};
use super::thread::{change_state, find, tell};
use crate::chat::{ChatMessage, MessageKind, NewMessage, Step, ThreadState};
use crate::store::batch::Batch;
use crate::store::writer::Command;
use crate::store::{Error, NewStep, Store};

/// A longer conversation costs more with each word than it is worth.
const MESSAGES_MAX: i64 = 5_000;
/// Characters of a title.
const TITLE_CHARS: usize = 80;

struct Say {
    thread: ThreadId,
    text: String,
    by: String,
}

impl Command for Say {
    type Reply = ChatMessage;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<ChatMessage, Error> {
        let mut row = find(batch, self.thread).await?;
        if row.state == ThreadState::Working.as_str() {
            let reason = "an answer is on its way in this thread; wait for it, or interrupt it".to_owned();
            return Err(Error::Conflict { code: "THREAD_BUSY", reason });
        }
        if row.seq >= MESSAGES_MAX {
            let reason = format!("a thread has at most {MESSAGES_MAX} messages; begin another one");
            return Err(Error::Conflict { code: "THREAD_FULL", reason });
        }
        let key = key_of(&row, &batch.shared.payload)?;
        if row.title.is_none() {
            let title: String = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let title: String = title.chars().take(TITLE_CHARS).collect();
            let sealed = Sealed { key: &key, thread: &row.id };
            row.title = Some(sealed.seal(&batch.shared.env, "title", 0, &title));
        }
        row.attempt = 0;
        row.allowance_step = row.step;
        row.allowance_at = batch.now.as_millis();
        add_step(batch, &mut row, &key, &NewStep::free(Step::User { text: self.text.clone() })).await?;
        let message = add_message(batch, &mut row, &key, NewMessage::new(MessageKind::User, &self.text)).await?;
        row.updated_at = batch.now.as_millis();
        let data = json!({ "thread": row.id, "message": message.id.to_string(), "seq": message.seq });
        tell(batch, &row, "thread.said", &self.by, data).await?;
        change_state(batch, &mut row, ThreadState::Working, &self.by).await?;
        batch.tx.update(&row).await?;
        Ok(message)
    }
}

impl Store {
    /// Takes what a person says in a thread: the planner has work then.
    pub async fn say(&self, thread: ThreadId, text: &str, by: &str) -> Result<ChatMessage, Error> {
        self.commit(Say { thread, text: text.to_owned(), by: by.to_owned() }).await
    }
}
