//! What a person decides about a card.

use intents::id::{AutomationId, CardId, ThreadId};
use sea_orm::EntityTrait;
use serde_json::json;

use super::advance::{add_message, add_step};
use super::read::card_of;
use super::sealed::key_of;
use super::thread::{change_state, find, tell};
use crate::chat::{Card, CardState, MessageKind, NewMessage, Step, ThreadState};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{card as row, thread};
use crate::store::writer::Command;
use crate::store::{Error, NewStep, Store};

/// A card is decided on: once.
struct Decide {
    card: CardId,
    /// What it became; nothing where the person said no.
    automation: Option<AutomationId>,
    /// What the person and the model are told.
    words: String,
    by: String,
}

impl Command for Decide {
    type Reply = Card;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Card, Error> {
        let found = batch.tx.one(row::Entity::find_by_id(self.card.to_string())).await?;
        let mut row = found.ok_or_else(|| Error::NotFound { what: "card", which: self.card.to_string() })?;
        if row.state != CardState::Proposed.as_str() {
            let by = row.decided_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            let reason = format!("the card is {} already{by}; nothing was changed now", row.state);
            return Err(Error::Conflict { code: "CARD_DECIDED", reason });
        }
        let (state, kind) = match self.automation {
            Some(_) => (CardState::Confirmed, "card.confirmed"),
            None => (CardState::Rejected, "card.rejected"),
        };
        row.state = state.as_str().to_owned();
        row.automation_id = self.automation.map(|automation| automation.to_string());
        row.decided_at = Some(batch.now.as_millis());
        row.decided_by = Some(self.by.clone());
        batch.tx.update(&row).await?;
        let thread: ThreadId = row.thread_id.parse().map_err(|error| Error::unreadable("card", error))?;
        let mut of = find(batch, thread).await?;
        if row.automation_id.is_some() {
            of.automation_id.clone_from(&row.automation_id);
        }
        self.say(batch, &mut of).await?;
        let data = json!({ "thread": of.id, "card": row.id, "digest": row.digest, "automation": row.automation_id });
        tell(batch, &of, kind, &self.by, data).await?;
        let key = key_of(&of, &batch.shared.payload)?;
        card_of(row, &key)
    }
}

impl Decide {
    /// Tells the person, and the model when it is asked next. While it is at work, its steps are its own.
    async fn say(&self, batch: &mut Batch<'_>, of: &mut thread::Model) -> Result<(), Error> {
        let key = key_of(of, &batch.shared.payload)?;
        if of.state != ThreadState::Working.as_str() {
            add_step(batch, of, &key, &NewStep::free(Step::Host { text: self.words.clone() })).await?;
            change_state(batch, of, ThreadState::Idle, &self.by).await?;
        }
        add_message(batch, of, &key, NewMessage::new(MessageKind::Notice, &self.words)).await?;
        of.updated_at = batch.now.as_millis();
        batch.tx.update(of).await
    }
}

impl Store {
    /// Notes that a card was confirmed, and what it became.
    pub async fn confirm_card(
        &self,
        card: CardId,
        automation: AutomationId,
        words: &str,
        by: &str,
    ) -> Result<Card, Error> {
        self.commit(Decide { card, automation: Some(automation), words: words.to_owned(), by: by.to_owned() }).await
    }

    /// Notes that a card was rejected.
    pub async fn reject_card(&self, card: CardId, words: &str, by: &str) -> Result<Card, Error> {
        self.commit(Decide { card, automation: None, words: words.to_owned(), by: by.to_owned() }).await
    }
}
