//! How mail leaves.

use std::path::PathBuf;

use lettre::message::Mailbox;
use serde::Deserialize;

use crate::egress::HostPort;
use crate::vault::Secret;
use crate::{Code, Error};

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum Mail {
    /// To a mail server.
    Smtp(MailConfig),
    /// Into a folder of `.eml` files, which is made if it is not there.
    Outbox(PathBuf),
}

/// A mail server, as the user's settings name it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Its host. Being named here, it may have a private address.
    pub host: String,
    /// Its port: 465 for `tls`, 587 for `starttls` as a rule.
    pub port: u16,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// The account, if the server wants one.
    #[serde(default)]
    pub username: Option<String>,
    /// The name of the account's password in the vault.
    #[serde(default)]
    pub password_secret: Option<String>,
    /// The password itself, where it is not in the vault.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The sender: `Steward <steward@example.com>`.
    pub from: String,
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Not at all: for a server on this machine.
    None,
    /// Plain at first, then encrypted; a server that cannot is refused.
    Starttls,
    /// From the first byte.
    #[default]
    Tls,
}

/// Who an outbox says the mail is from.
const OUTBOX_SENDER: &str = "Steward <steward@localhost.invalid>";

impl Mail {
    /// The sender of all mail.
    pub(super) fn sender(&self) -> Result<Mailbox, Error> {
        let from = match self {
            Self::Smtp(config) => config.from.as_str(),
            Self::Outbox(_) => OUTBOX_SENDER,
        };
        from.parse()
            .map_err(|_| Error::new(Code::SettingsInvalid, "the sender of mail in the settings is no mail address"))
    }
}

impl MailConfig {
    /// The server.
    pub(super) fn server(&self) -> HostPort {
        HostPort::new(&self.host, self.port)
    }

    /// Says what does not make sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        let invalid = |message: &str| Err(Error::new(Code::SettingsInvalid, message));
        if self.host.is_empty() || self.port == 0 {
            return invalid("the mail server in the settings has no host or no port");
        }
        if self.password_secret.is_some() && self.password.is_some() {
            return invalid("a mail account has one password: `password_secret` or `password`");
        }
        if self.username.is_some() != (self.password_secret.is_some() || self.password.is_some()) {
            return invalid("a mail account needs both `username` and `password_secret`");
        }
        Ok(())
    }
}
