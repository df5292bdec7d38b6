//! `email.send`.

use std::sync::Arc;

use async_trait::async_trait;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind};
use serde_json::json;

use super::config::Mail;
use super::message::{self, Arguments, Letter};
use super::outbox;
use super::post::{Post, result};
use crate::egress::Egress;
use crate::schema::{answer, definition, failure, object};
use crate::vault::Vault;
use crate::{Call, Code, Error, Fault, Performed, Settlement, Tool};

/// For how long the outbox can be asked: as long as nobody clears it away, which nobody does within minutes of a crash.
const OUTBOX_WINDOW_MS: u64 = 30 * 24 * 3600 * 1000;

/// Sends mail.
pub struct EmailSend {
    definition: Definition,
    post: Post,
}

impl EmailSend {
    /// Makes the tool for the way in which mail leaves.
    pub fn new(egress: Arc<Egress>, vault: Arc<Vault>, mail: Mail) -> Result<Self, Error> {
        let post = Post::new(egress, vault, mail)?;
        let identity = match &post.mail {
            // SMTP has no question "did you get this?".
            Mail::Smtp(_) => Identity::Blind,
            Mail::Outbox(_) => Identity::Queryable { absent_after_ms: 0, window_ms: OUTBOX_WINDOW_MS },
        };
        Ok(Self { definition: define(identity), post })
    }

    fn letter(&self, call: &Call) -> Result<Letter, Error> {
        let arguments: Arguments = call.parse()?;
        message::write(&arguments, &self.post.from, call.identity()?, call.started_at)
    }
}

#[async_trait]
impl Tool for EmailSend {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let letter = self.letter(call)?;
        self.post.deliver(letter, call.identity()?, call.deadline).await
    }

    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        let letter = self.letter(call).map_err(|error| error.to_failure())?;
        let Mail::Outbox(folder) = &self.post.mail else { return Ok(Settlement::Unknown) };
        let identity = call.identity().map_err(|error| error.to_failure())?;
        let path = outbox::path(folder, identity);
        match tokio::fs::try_exists(path).await {
            Ok(true) => Ok(Settlement::Applied(Outcome::Value(result(&letter, "outbox")))),
            Ok(false) => Ok(Settlement::NotApplied),
            Err(_) => Err(Error::new(Code::FileFailed, "the outbox could not be read").to_failure()),
        }
    }
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
