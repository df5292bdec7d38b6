//! What the exit codes mean.

use std::process::ExitCode;

use crate::error::{Code, Error};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Success,
    /// It failed in a way that has no code of its own here.
    Failure,
    /// The command line or the configuration makes no sense.
    Usage,
    /// The run waits for a time, an event or an answer, or is still under way; or the chat waits for the user.
    Waiting,
    /// The run failed or was stopped.
    RunFailed,
    /// There is no such thing.
    NotFound,
    /// The request was refused, does not fit what is stored, or was not confirmed.
    Refused,
    /// The server cannot be reached, or another one holds the data folder.
    NoServer,
    /// Another server has taken over the database, or it could not be reached for too long.
    Overtaken,
}

/// Every exit code with its meaning.
pub const EXITS: &[(Exit, &str)] = &[
    (Exit::Success, "done"),
    (Exit::Failure, "failed"),
    (Exit::Usage, "the command line or the configuration makes no sense"),
    (Exit::Waiting, "the run or the chat waits, or the run is still under way"),
    (Exit::RunFailed, "the run failed or was stopped"),
    (Exit::NotFound, "there is no such thing"),
    (Exit::Refused, "refused, in conflict with what is stored, or not confirmed"),
    (Exit::NoServer, "no server can be reached, or another one holds the data folder"),
    (Exit::Overtaken, "another server has taken over the database, or it could not be reached for too long"),
];

impl Exit {
    /// The number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Waiting => 3,
            Self::RunFailed => 4,
            Self::NotFound => 5,
            Self::Refused => 6,
            Self::NoServer => 7,
            Self::Overtaken => 8,
        }
    }

    /// The exit of an error.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Face { code, .. } => match code {
                Code::NoServer | Code::PortInUse => Self::NoServer,
                Code::InputMalformed
                | Code::ConfigHome
                | Code::ConfigUnreadable
                | Code::ConfigSyntax
                | Code::ConfigUnknownKey
                | Code::ConfigValue
                | Code::BundleUnreadable
                | Code::BundleVersion
                | Code::BundleTooLarge => Self::Usage,
                Code::RouteUnknown | Code::WebhookUnknown | Code::CallUnknown => Self::NotFound,
                Code::BackupExists
                | Code::RestoreNotEmpty
                | Code::RestoreUnfinished
                | Code::ConfirmationNeeded
                | Code::TokenFile
                | Code::TrialRefuted
                | Code::GoldenUnverified
                | Code::GoldenDiffers
                | Code::CardChanged
                | Code::CardDecided
                | Code::FolderPath
                | Code::SettingUnknown => Self::Refused,
                Code::ListenFailed
                | Code::HostRefused
                | Code::OriginRefused
                | Code::TokenMissing
                | Code::TokenWrong
                | Code::ContentType
                | Code::BodyTooLarge
                | Code::BodySlow
                | Code::BodyMalformed
                | Code::QueryMalformed
                | Code::MethodNotAllowed
                | Code::IdempotencyKey
                | Code::IdempotencyMismatch
                | Code::IdempotencyBusy
                | Code::ListenersFull
                | Code::WebhookBusy
                | Code::PayloadsRefused
                | Code::WebhookSignature
                | Code::WebhookStale
                | Code::WebhookReplayed
                | Code::ShuttingDown
                | Code::ServerFailed
                | Code::AutomationName
                | Code::MessageLength
                | Code::EngineName
                | Code::EngineTokenNeeded
                | Code::TokenScope
                | Code::EngineReport
                | Code::EngineLimit
                | Code::EngineBusy
                | Code::NameReused
                | Code::LeaseLost
                | Code::LeaseNotStarted
                | Code::ProgramAmbiguous
                | Code::AutomationInactive
                | Code::RunOverlap
                | Code::SettingValue
                | Code::RunNotReplayable
                | Code::TrialNoScript
                | Code::TrialFailed
                | Code::AnswerUnreadable
                | Code::BackupUnreadable
                | Code::BackupNewer
                | Code::BackupKey
                | Code::BackupDamaged
                | Code::BackupIncomplete
                | Code::BackupFailed
                | Code::FileUnreadable => Self::Failure,
            },
            Error::Config(_) => Self::Usage,
            Error::Contract(_) | Error::Script(_) => Self::Refused,
            Error::Store(error) => match error {
                crate::store::Error::Locked { .. } | crate::store::Error::StandingBy => Self::NoServer,
                crate::store::Error::Unreachable { .. } | crate::store::Error::Fenced => Self::Overtaken,
                crate::store::Error::NotFound { .. } => Self::NotFound,
                crate::store::Error::Conflict { .. } => Self::Refused,
                crate::store::Error::Newer { .. }
                | crate::store::Error::Moved { .. }
                | crate::store::Error::LeftBehind { .. }
                | crate::store::Error::OtherKeys
                | crate::store::Error::Folder { .. }
                | crate::store::Error::Full
                | crate::store::Error::Busy
                | crate::store::Error::Damaged { .. }
                | crate::store::Error::Database { .. }
                | crate::store::Error::Unreadable { .. }
                | crate::store::Error::Sealed { .. }
                | crate::store::Error::Closed => Self::Failure,
            },
            Error::Connector(_) | Error::Model(_) | Error::Sandbox(_) => Self::Failure,
            Error::Answered { status: 404, .. } => Self::NotFound,
            Error::Answered { status: 401 | 403 | 409 | 421 | 422, .. } => Self::Refused,
            Error::Answered { .. } => Self::Failure,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
