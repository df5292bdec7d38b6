//! The way of a mail: over SMTP, or into the outbox.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::canonical::Digest;
use lettre::message::Mailbox;
use serde_json::{Value, json};

use super::config::{Mail, MailConfig};
use super::message::{self, Arguments, Letter};
use super::outbox;
use super::smtp::{self, Delivery};
use crate::egress::Egress;
use crate::vault::Vault;
use crate::{Code, Error, Fault, Performed};

/// Where mail is handed in.
pub struct Post {
    egress: Arc<Egress>,
    vault: Arc<Vault>,
    pub(super) mail: Mail,
    pub(super) from: Mailbox,
}

/// A mail of Steward's own, in plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Who gets it.
    pub to: Vec<String>,
    /// Who it is from, where that is not the account.
    pub from: Option<String>,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
}

impl Post {
    /// Opens the way on which mail leaves.
    pub fn new(egress: Arc<Egress>, vault: Arc<Vault>, mail: Mail) -> Result<Self, Error> {
        let from = mail.sender()?;
        if let Mail::Smtp(config) = &mail {
            config.check()?;
        }
        Ok(Self { egress, vault, mail, from })
    }

    /// Sends a mail of Steward's own. Its identity is its Message-ID: the same one is the same mail.
    pub async fn send(
        &self,
        note: &Note,
        identity: Digest,
        at: Timestamp,
        deadline: Duration,
    ) -> Result<Performed, Fault> {
        let from = note.from.as_deref().map(message::mailbox).transpose()?;
        let letter = message::write(&Arguments::of(note), from.as_ref().unwrap_or(&self.from), identity, at)?;
        self.deliver(letter, identity, deadline).await
    }

    /// Hands a letter in.
    pub(super) async fn deliver(
        &self,
        letter: Letter,
        identity: Digest,
        deadline: Duration,
    ) -> Result<Performed, Fault> {
        match &self.mail {
            Mail::Smtp(config) => self.over_smtp(config, &letter, deadline).await,
            Mail::Outbox(folder) => put_into_outbox(folder, letter, identity).await,
        }
    }

    async fn over_smtp(&self, config: &MailConfig, letter: &Letter, deadline: Duration) -> Result<Performed, Fault> {
        let in_vault = config.password_secret.as_deref().map(|name| self.vault.require(name)).transpose()?;
        let password = in_vault.or_else(|| config.password.clone());
        match smtp::deliver(&self.egress, config, password, letter, deadline).await? {
            Delivery::Accepted => Ok(Performed::value(result(letter, "smtp"))),
            Delivery::Rejected(refusal) => Ok(refusal),
        }
    }
}

/// Whether a text is a mail address, as mail can carry it.
pub fn is_address(text: &str) -> bool {
    message::mailbox(text).is_ok()
}

async fn put_into_outbox(folder: &Path, letter: Letter, identity: Digest) -> Result<Performed, Fault> {
    let result = result(&letter, "outbox");
    let folder = folder.to_owned();
    let putting = tokio::task::spawn_blocking(move || outbox::put(&folder, identity, &letter.bytes));
    match putting.await {
        Ok(Ok(())) => Ok(Performed::value(result)),
        // It may be there or not: asking is cheap, so no error is taken for proof.
        Ok(Err(_)) | Err(_) => Err(Fault::uncertain(Code::MailUncertain, "the outbox could not be written")),
    }
}

pub(super) fn result(letter: &Letter, via: &str) -> Value {
    json!({ "message_id": letter.id, "via": via })
}
