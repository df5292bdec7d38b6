//! What the faces of the server say no to: one error for the API, the command line and the operations under both.
//!
//! Each error has a code that never changes once it is released, with a page in `docs/errors`, and a class that says
//! what a caller may do. Messages hold no secret and no data of a script.

use std::fmt;

use intents::contract::Problem;
use intents::failure::Class;
use sandbox::ScriptFailure;

use crate::{config, models, store};

intents::error_codes! {
    /// What went wrong, where no other crate has a name for it. A code never changes once it is released.
    ConfigHome, "CONFIG_HOME", Logic, "there is no place for the data folder: neither STEWARD_HOME nor a home folder is set";
    ConfigUnreadable, "CONFIG_UNREADABLE", Permission, "the configuration file could not be read";
    ConfigSyntax, "CONFIG_SYNTAX", Logic, "the configuration file is no TOML";
    ConfigUnknownKey, "CONFIG_UNKNOWN_KEY", Logic, "the configuration has no such key";
    ConfigValue, "CONFIG_VALUE", Logic, "a value of the configuration does not make sense for its key";
    PortInUse, "PORT_IN_USE", Transient, "another program listens on the port";
    ListenFailed, "LISTEN_FAILED", Permission, "the server could not listen on its address";
    TokenFile, "TOKEN_FILE", Permission, "the file of the access token could not be read or written, or is not private";
    HostRefused, "HOST_REFUSED", Permission, "the request names a host that is not this server";
    OriginRefused, "ORIGIN_REFUSED", Permission, "the request comes from a page of another origin";
    TokenMissing, "TOKEN_MISSING", Auth, "the request has neither a token nor a session";
    TokenWrong, "TOKEN_WRONG", Auth, "the token or the session of the request is not valid";
    ContentType, "CONTENT_TYPE", Logic, "the request's content type is not one that the address takes";
    BodyTooLarge, "BODY_TOO_LARGE", Limit, "the body of the request is larger than the address takes";
    BodyMalformed, "BODY_MALFORMED", Logic, "the body of the request is not JSON of the shape that the address takes";
    BodySlow, "BODY_SLOW", Transient, "the body of the request did not arrive in time";
    QueryMalformed, "QUERY_MALFORMED", Logic, "a part of the request's address does not make sense";
    RouteUnknown, "ROUTE_UNKNOWN", Logic, "there is nothing at this address";
    MethodNotAllowed, "METHOD_NOT_ALLOWED", Logic, "the address does not take this method";
    IdempotencyKey, "IDEMPOTENCY_KEY", Logic, "the Idempotency-Key of the request is not a short plain text";
    IdempotencyMismatch, "IDEMPOTENCY_MISMATCH", Logic, "the Idempotency-Key was used for another request";
    IdempotencyBusy, "IDEMPOTENCY_BUSY", Transient, "a request with the same Idempotency-Key is still under way";
    ListenersFull, "LISTENERS_FULL", Transient, "as many listeners as the server serves are connected";
    PayloadsRefused, "PAYLOADS_REFUSED", Permission, "payloads that are not redacted are given to a token only, not to a session";
    WebhookSignature, "WEBHOOK_SIGNATURE", Auth, "the request is not signed with the secret of the webhook";
    WebhookStale, "WEBHOOK_STALE", Auth, "the signature of the request is too old, or from the future";
    WebhookBusy, "WEBHOOK_BUSY", Transient, "more deliveries arrive at once than are taken in";
    WebhookReplayed, "WEBHOOK_REPLAYED", Auth, "the signature of the request was used for another delivery";
    WebhookUnknown, "WEBHOOK_UNKNOWN", Logic, "no automation has a webhook of this name";
    ShuttingDown, "SHUTTING_DOWN", Transient, "the server is ending";
    ServerFailed, "SERVER_FAILED", Internal, "a part of the server failed in a way that nobody foresaw";
    AutomationName, "AUTOMATION_NAME", Logic, "the text is no name for an automation";
    EngineName, "ENGINE_NAME", Logic, "the text is no name for an engine outside";
    EngineTokenNeeded, "ENGINE_TOKEN_NEEDED", Permission, "the address is for the tokens of engines outside";
    TokenScope, "TOKEN_SCOPE", Permission, "the token of an engine outside opens nothing but what engines need";
    EngineReport, "ENGINE_REPORT", Logic, "what an engine outside says does not make sense here";
    EngineLimit, "ENGINE_LIMIT", Limit, "the run has as many marks or artifacts as it may";
    EngineBusy, "ENGINE_BUSY", Transient, "an engine outside has more under way at once than it may";
    NameReused, "NAME_REUSED", Logic, "an engine outside used the name for something else in this run";
    CallUnknown, "CALL_UNKNOWN", Logic, "an engine outside has made no call of this name in this run";
    LeaseLost, "LEASE_LOST", Logic, "the lease of the run is over, or was never this one";
    LeaseNotStarted, "LEASE_NOT_STARTED", Logic, "the holder of the run has not said that it begins";
    ProgramAmbiguous, "PROGRAM_AMBIGUOUS", Logic, "an automation has either a script or an engine outside";
    AutomationInactive, "AUTOMATION_INACTIVE", Logic, "the automation, or everything, is paused or stopped, so that no run would start";
    RunOverlap, "RUN_OVERLAP", Logic, "a run of the automation is under way, and its contract leaves others out meanwhile";
    FolderPath, "FOLDER_PATH", Logic, "the path cannot be granted as a folder";
    SettingUnknown, "SETTING_UNKNOWN", Logic, "there is no setting of this name";
    SettingValue, "SETTING_VALUE", Logic, "the value does not make sense for the setting";
    RunNotReplayable, "RUN_NOT_REPLAYABLE", Logic, "the run has no journal to replay: it has not begun, or its payload was erased";
    TrialRefuted, "TRIAL_REFUTED", Logic, "the trial of the script found something that refutes it, so it does not go live";
    TrialNoScript, "TRIAL_NO_SCRIPT", Logic, "an engine outside executes the automation, so there is no script to try";
    TrialFailed, "TRIAL_FAILED", Transient, "a trial could not be carried out";
    MessageLength, "MESSAGE_LENGTH", Logic, "what was said in a conversation is empty, too long, or no text";
    CardChanged, "CARD_CHANGED", Logic, "the card is not the one that was seen, or what it changes has changed meanwhile";
    CardDecided, "CARD_DECIDED", Logic, "the card was confirmed, rejected or replaced already";
    GoldenUnverified, "GOLDEN_UNVERIFIED", Logic, "the run cannot be kept as a golden run, since a replay does not lead to what it led to";
    GoldenDiffers, "GOLDEN_DIFFERS", Logic, "what the automation would do now differs from what a golden run did";
    BundleUnreadable, "BUNDLE_UNREADABLE", Logic, "the file is no bundle, is cut off, or holds nonsense";
    BundleVersion, "BUNDLE_VERSION", Logic, "the bundle was written in a version of the format that this Steward does not read";
    BundleTooLarge, "BUNDLE_TOO_LARGE", Limit, "the bundle is larger than a bundle may be";
    NoServer, "NO_SERVER", Transient, "the running server could not be reached";
    AnswerUnreadable, "ANSWER_UNREADABLE", Internal, "the server's answer could not be read";
    FileUnreadable, "FILE_UNREADABLE", Permission, "a file or folder named on the command line could not be read or written";
    InputMalformed, "INPUT_MALFORMED", Logic, "a value given on the command line does not make sense";
    BackupUnreadable, "BACKUP_UNREADABLE", Permission, "the file is no backup, or could not be read";
    BackupNewer, "BACKUP_NEWER", Logic, "the backup was taken by a newer version of Steward";
    BackupKey, "BACKUP_KEY", Auth, "the backup was not locked with this recovery code or passphrase";
    BackupDamaged, "BACKUP_DAMAGED", Internal, "the backup is cut off, or something in it was changed";
    BackupIncomplete, "BACKUP_INCOMPLETE", Logic, "a backup is missing on which another one is based";
    BackupExists, "BACKUP_EXISTS", Logic, "there is a file of this name already";
    BackupFailed, "BACKUP_FAILED", Transient, "the backup could not be written";
    RestoreNotEmpty, "RESTORE_NOT_EMPTY", Logic, "a restore goes into an empty folder, and this one is not";
    RestoreUnfinished, "RESTORE_UNFINISHED", Logic, "a restore into the data folder was broken off";
    ConfirmationNeeded, "CONFIRMATION_NEEDED", Permission, "the command changes something and nobody confirmed it";
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of the faces.
    #[error("{message}")]
    Face {
        /// What went wrong.
        code: Code,
        /// What failed and what to do.
        message: String,
    },
    /// A configuration that makes no sense; every problem is listed.
    #[error("the configuration has {}", count(.0))]
    Config(Vec<config::Problem>),
    /// A contract that is none; every problem is listed.
    #[error("the contract has {}", count(.0))]
    Contract(Vec<Problem>),
    /// A script that cannot run.
    #[error("the script cannot run: {0}")]
    Script(Box<ScriptFailure>),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A connector, a folder or the vault said no.
    #[error(transparent)]
    Connector(#[from] connectors::Error),
    /// No model answered.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// The sandbox said no.
    #[error("the sandbox failed")]
    Sandbox(#[source] sandbox::Error),
    /// What a running server answered.
    #[error("{detail}")]
    Answered {
        /// The status of the answer.
        status: u16,
        /// The stable code.
        code: String,
        /// What failed and what to do.
        detail: String,
        /// The whole problem as the server sent it.
        body: serde_json::Value,
    },
}

impl Error {
    /// Makes an error of the faces.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Face { code, message: message.into() }
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Face { code, .. } => code.as_str(),
            Self::Config(problems) => problems.first().map_or(Code::ConfigValue, |problem| problem.code).as_str(),
            Self::Contract(problems) => problems.first().map_or("CONTRACT_NOT_JSON", |problem| problem.code),
            Self::Script(failure) => failure.code(),
            Self::Store(error) => error.code(),
            Self::Connector(error) => error.code().as_str(),
            Self::Model(error) => error.code().as_str(),
            Self::Sandbox(error) => error.code(),
            Self::Answered { code, .. } => code,
        }
    }

    /// What a caller may do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Face { code, .. } => code.class(),
            Self::Config(_) | Self::Contract(_) | Self::Script(_) => Class::Logic,
            Self::Store(error) => error.class(),
            Self::Connector(error) => error.class(),
            Self::Model(error) => error.class(),
            Self::Sandbox(error) => error.class(),
            Self::Answered { .. } => Class::Unknown,
        }
    }
}

/// A script that is unsound is the script's fault, wherever it is found.
impl From<sandbox::Error> for Error {
    fn from(error: sandbox::Error) -> Self {
        if let sandbox::Error::Script(failure) = error { Self::Script(failure) } else { Self::Sandbox(error) }
    }
}

fn count(problems: &[impl fmt::Display]) -> String {
    match problems {
        [one] => format!("a problem: {one}"),
        several => format!("{} problems", several.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_a_name_of_its_own_and_a_meaning() {
        let names: BTreeSet<_> = CODES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), CODES.len());
        for (name, meaning) in CODES {
            assert!(name.chars().all(|c| c.is_ascii_uppercase() || c == '_'), "{name}");
            assert!(!meaning.is_empty() && !meaning.ends_with('.'), "{name}");
        }
    }
}
