//! `email.send`.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind};
use lettre::message::Mailbox;
use serde_json::{Value, json};

use super::config::{Mail, MailConfig};
use super::message::{self, Arguments, Letter};
use super::outbox;
use super::smtp::{self, Delivery};
use crate::egress::Egress;
use crate::schema::{answer, definition, failure, object};
use crate::vault::Vault;
use crate::{Call, Code, Error, Fault, Performed, Settlement, Tool};

/// For how long the outbox can be asked: as long as nobody clears it away, which nobody does within minutes of a crash.
const OUTBOX_WINDOW_MS: u64 = 30 * 24 * 3600 * 1000;

/// Sends mail.
pub struct EmailSend {
    definition: Definition,
    egress: Arc<Egress>,
    vault: Arc<Vault>,
    mail: Mail,
    from: Mailbox,
}

impl EmailSend {
    /// Makes the tool for the way in which mail leaves.
    pub fn new(egress: Arc<Egress>, vault: Arc<Vault>, mail: Mail) -> Result<Self, Error> {
        let from = mail.sender()?;
        let identity = match &mail {
            Mail::Smtp(config) => {
                config.check()?;
                // SMTP has no question "did you get this?".
                Identity::Blind
            }
            Mail::Outbox(_) => Identity::Queryable { absent_after_ms: 0, window_ms: OUTBOX_WINDOW_MS },
        };
        Ok(Self { definition: define(identity), egress, vault, mail, from })
    }

    fn letter(&self, call: &Call) -> Result<Letter, Error> {
        let arguments: Arguments = call.parse()?;
        message::write(&arguments, &self.from, call.identity()?, call.started_at)
    }

    async fn over_smtp(&self, config: &MailConfig, letter: &Letter, call: &Call) -> Result<Performed, Fault> {
        let in_vault = config.password_secret.as_deref().map(|name| self.vault.require(name)).transpose()?;
        let password = in_vault.or_else(|| config.password.clone());
        match smtp::deliver(&self.egress, config, password, letter, call.deadline).await? {
            Delivery::Accepted => Ok(Performed::value(result(letter, "smtp"))),
            Delivery::Rejected(refusal) => Ok(refusal),
        }
    }

    async fn put_into_outbox(&self, folder: &Path, letter: Letter, call: &Call) -> Result<Performed, Fault> {
        let identity = call.identity()?;
        let result = result(&letter, "outbox");
        let folder = folder.to_owned();
        let putting = tokio::task::spawn_blocking(move || outbox::put(&folder, identity, &letter.bytes));
        match putting.await {
            Ok(Ok(())) => Ok(Performed::value(result)),
            // It may be there or not: asking is cheap, so no error is taken for proof.
            Ok(Err(_)) | Err(_) => Err(Fault::uncertain(Code::MailUncertain, "the outbox could not be written")),
        }
    }
}

#[async_trait]
impl Tool for EmailSend {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let letter = self.letter(call)?;
        match &self.mail {
            Mail::Smtp(config) => self.over_smtp(config, &letter, call).await,
            Mail::Outbox(folder) => self.put_into_outbox(folder, letter, call).await,
        }
    }

    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        let letter = self.letter(call).map_err(|error| error.to_failure())?;
        let Mail::Outbox(folder) = &self.mail else { return Ok(Settlement::Unknown) };
        let identity = call.identity().map_err(|error| error.to_failure())?;
        let path = outbox::path(folder, identity);
        match tokio::fs::try_exists(path).await {
            Ok(true) => Ok(Settlement::Applied(Outcome::Value(result(&letter, "outbox")))),
            Ok(false) => Ok(Settlement::NotApplied),
            Err(_) => Err(Error::new(Code::FileFailed, "the outbox could not be read").to_failure()),
        }
    }
}

fn result(letter: &Letter, via: &str) -> Value {
    json!({ "message_id": letter.id, "via": via })
}

fn define(identity: Identity) -> Definition {
    let address = json!({ "type": "string", "minLength": 3, "maxLength": 320, "description": "mail@example.com or Name <mail@example.com>" });
    let addresses = json!({
        "type": ["string", "array"], "minLength": 3, "maxLength": 320,
        "items": address, "minItems": 1, "maxItems": message::RECIPIENTS_MAX,
        "description": "One address or several."
    });
    Definition {
        arguments: object(
            json!({
                "to": addresses,
                "cc": addresses,
                "subject": { "type": "string", "maxLength": message::SUBJECT_CHARS_MAX },
                "text": { "type": "string", "maxLength": message::TEXT_BYTES_MAX },
                "html": { "type": "string", "maxLength": message::TEXT_BYTES_MAX, "description": "Beside the text, for those who want it." },
                "reply_to": address
            }),
            &["to", "subject", "text"],
        ),
        result: object(
            json!({
                "message_id": { "type": "string" },
                "via": { "type": "string", "enum": ["smtp", "outbox"] }
            }),
            &["message_id", "via"],
        ),
        errors: std::iter::once(answer("rejected", "the mail server will not take this mail"))
            .chain(
                [
                    Code::ArgumentsInvalid,
                    Code::MailAddress,
                    Code::MailAuth,
                    Code::MailTls,
                    Code::MailBusy,
                    Code::MailUnreachable,
                    Code::MailUncertain,
                    Code::SecretMissing,
                    Code::VaultTampered,
                    Code::EgressUnresolved,
                    Code::EgressUnreachable,
                    Code::EgressCertificate,
                    Code::EgressUrl,
                    Code::ConnectorInternal,
                ]
                .map(failure),
            )
            .collect(),
        leaves_machine: true,
        sink: Some("mail:{/to#domain}".to_owned()),
        timeout_ms: 120_000,
        example: json!({ "to": "ada@example.org", "subject": "Report for November", "text": "All is well.\n" }),
        ..definition("email.send", "Sends a mail.", Kind::Effect(identity))
    }
}
