//! A mail as bytes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use intents::Timestamp;
use intents::canonical::Digest;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::{Mailbox, MultiPart, SinglePart};
use serde::Deserialize;

use super::post::Note;
use crate::{Code, Error};

/// More recipients than this are a mailing list.
pub(super) const RECIPIENTS_MAX: usize = 50;
/// A header line may have 998 characters (RFC 5322), and nobody reads longer subjects.
pub(super) const SUBJECT_CHARS_MAX: usize = 500;
/// A longer text is an attachment.
pub(super) const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The arguments of `email.send`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    to: Addresses,
    #[serde(default)]
    cc: Option<Addresses>,
    subject: String,
    text: String,
    #[serde(default)]
    html: Option<String>,
    #[serde(default)]
    reply_to: Option<String>,
}

/// One address or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Addresses {
    fn mailboxes(&self) -> Result<Vec<Mailbox>, Error> {
        let addresses = match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::Several(addresses) => addresses,
        };
        addresses.iter().map(|address| mailbox(address)).collect()
    }
}

impl Arguments {
    /// What a mail of Steward's own would be called with.
    pub(super) fn of(note: &Note) -> Self {
        Self {
            to: Addresses::Several(note.to.clone()),
            cc: None,
            subject: note.subject.clone(),
            text: note.text.clone(),
            html: None,
            reply_to: None,
        }
    }
}

/// A mail that is ready to go.
pub(super) struct Letter {
    /// The Message-ID without its brackets.
    pub(super) id: String,
    /// Who it is from and to, for the server.
    pub(super) envelope: Envelope,
    /// The message, with CRLF line ends.
    pub(super) bytes: Vec<u8>,
}

/// Writes a mail. The same arguments, sender, time and identity give the same bytes.
pub(super) fn write(arguments: &Arguments, from: &Mailbox, identity: Digest, at: Timestamp) -> Result<Letter, Error> {
    let to = arguments.to.mailboxes()?;
    let cc = arguments.cc.as_ref().map(Addresses::mailboxes).transpose()?.unwrap_or_default();
    if to.is_empty() || to.len() + cc.len() > RECIPIENTS_MAX {
        return Err(bad(format!("a mail has 1 to {RECIPIENTS_MAX} recipients")));
    }
    if arguments.subject.chars().any(char::is_control) || arguments.subject.chars().count() > SUBJECT_CHARS_MAX {
        return Err(bad(format!("a subject has one line of at most {SUBJECT_CHARS_MAX} characters")));
    }
    if arguments.text.len() + arguments.html.as_ref().map_or(0, String::len) > TEXT_BYTES_MAX {
        return Err(bad(format!("the text of a mail has at most {TEXT_BYTES_MAX} bytes")));
    }
    let id = format!("steward.{identity}@{}", from.email.domain());
    let mut builder = Message::builder()
        .message_id(Some(format!("<{id}>")))
        .date(date(at))
        .from(from.clone())
        .subject(arguments.subject.clone());
    for mailbox in to {
        builder = builder.to(mailbox);
    }
    for mailbox in cc {
        builder = builder.cc(mailbox);
    }
    if let Some(reply_to) = &arguments.reply_to {
        builder = builder.reply_to(mailbox(reply_to)?);
    }
    let text = SinglePart::plain(arguments.text.clone());
    let message = match &arguments.html {
        None => builder.singlepart(text),
        // The boundary is ours: one drawn by chance would make the bytes differ from one time to the next.
        Some(html) => builder.multipart(
            MultiPart::alternative()
                .boundary(format!("steward-{}", &identity.to_string()[..32]))
                .singlepart(text)
                .singlepart(SinglePart::html(html.clone())),
        ),
    };
    let message = message.map_err(|error| bad("no mail can be made of these arguments".to_owned()).caused_by(error))?;
    Ok(Letter { id, envelope: message.envelope().clone(), bytes: message.formatted() })
}

/// Reads an address: `mail@example.com` or `Name <mail@example.com>`, and exactly one.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, Error> {
    let sound = !text.chars().any(char::is_control) && text.len() <= 320;
    sound.then(|| text.trim().parse().ok()).flatten().ok_or_else(|| bad("an address is no mail address".to_owned()))
}

fn date(at: Timestamp) -> SystemTime {
    // Mail dates count whole seconds and start at the epoch.
    UNIX_EPOCH + Duration::from_secs(at.as_millis().max(0).unsigned_abs() / 1000)
}

fn bad(message: String) -> Error {
    Error::new(Code::MailAddress, message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(arguments: Value) -> Result<String, Code> {
        let arguments = Arguments::deserialize(arguments).unwrap();
        let from = "Steward <steward@example.com>".parse().unwrap();
        let at = Timestamp::from_millis(1_790_000_000_000);
        let letter = write(&arguments, &from, Digest::of(b"once"), at).map_err(|error| error.code())?;
        Ok(String::from_utf8(letter.bytes).unwrap())
    }

    #[test]
    fn a_mail_is_the_same_bytes_each_time() {
        let arguments = json!({ "to": ["Zoë <z@example.org>", "y@example.org"], "cc": "c@example.org", "subject": "Fällig", "text": "Hallo\n.\nFrom me", "html": "<p>Hallo</p>", "reply_to": "r@example.org" });
        let mail = written(arguments.clone()).unwrap();
        assert_eq!(mail, written(arguments).unwrap());
        assert!(mail.contains(&format!("Message-ID: <steward.{}@example.com>\r\n", Digest::of(b"once"))), "{mail}");
        assert!(mail.contains("Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"), "{mail}");
        assert!(mail.contains("Cc: c@example.org\r\n") && mail.contains("Reply-To: r@example.org\r\n"), "{mail}");
    }

    #[test]
    fn no_header_can_be_smuggled_in() {
        let good = json!({ "to": "a@example.org", "subject": "s", "text": "t" });
        assert!(written(good.clone()).is_ok());
        for (member, value) in [
            ("to", json!("a@example.org\r\nBcc: b@example.org")),
            ("to", json!("a@example.org, b@example.org")),
            ("to", json!(["a@example.org", "x\u{0}@example.org"])),
            ("to", json!([])),
            ("to", json!("nobody")),
            ("to", json!("<a@example.org>\n<b@example.org>")),
            ("cc", json!("\"a\r\nX: y\" <a@example.org>")),
            ("subject", json!("s\r\nBcc: b@example.org")),
            ("subject", json!("s\nX")),
            ("subject", json!("s".repeat(501))),
            ("reply_to", json!("r@example.org\nX: y")),
            ("text", json!("t".repeat(TEXT_BYTES_MAX + 1))),
        ] {
            let mut arguments = good.clone();
            arguments[member] = value;
            assert_eq!(written(arguments).unwrap_err(), Code::MailAddress, "{member}");
        }
    }
}
