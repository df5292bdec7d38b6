//! What each failure means, written by hand: not derived from anything that is tested.

use intents::failure::Class;
use intents::failure::Class::{Auth, Internal, Limit, Logic, Permission, Transient, Uncertain};

/// What each declared code is, by what it means for the person and the script.
pub(crate) const CODES: &[(&str, Class)] = &[
    // It may work in a moment, and nothing was done.
    ("HTTP_TIMEOUT", Transient),
    ("HTTP_CONNECTION_LOST", Transient),
    ("HTTP_BUSY", Transient),
    ("HTTP_SERVER_ERROR", Transient),
    ("EGRESS_UNRESOLVED", Transient),
    ("EGRESS_UNREACHABLE", Transient),
    ("EGRESS_RATE_LIMITED", Transient),
    ("FILE_DISK_FULL", Transient),
    ("FILE_FAILED", Transient),
    ("CONTENT_CHANGED", Transient),
    ("MAIL_BUSY", Transient),
    ("MAIL_UNREACHABLE", Transient),
    ("MODEL_TIMEOUT", Transient),
    ("MODEL_BUSY", Transient),
    ("MODEL_FAILED", Transient),
    ("MODEL_UNREACHABLE", Transient),
    ("MODEL_BROKEN", Transient),
    // The script asks for what makes no sense, or cannot read what it gets.
    ("ARGUMENTS_INVALID", Logic),
    ("HEADER_NOT_ALLOWED", Logic),
    ("EGRESS_URL", Logic),
    ("EGRESS_SCHEME", Logic),
    ("NUMBER_NOT_EXACT", Logic),
    ("RESPONSE_NOT_TEXT", Logic),
    ("RESPONSE_NOT_JSON", Logic),
    ("PATH_INVALID", Logic),
    ("FILE_SPECIAL", Logic),
    ("FILE_NOT_TEXT", Logic),
    ("MAIL_ADDRESS", Logic),
    // Only the person can log in again.
    ("HTTP_AUTH", Auth),
    ("MAIL_AUTH", Auth),
    ("MODEL_AUTH", Auth),
    ("SECRET_MISSING", Auth),
    // Only the person can allow it.
    ("HTTP_FORBIDDEN", Permission),
    ("EGRESS_PRIVATE_ADDRESS", Permission),
    ("EGRESS_REDIRECT", Permission),
    ("EGRESS_CERTIFICATE", Permission),
    ("FOLDER_UNKNOWN", Permission),
    ("FOLDER_READ_ONLY", Permission),
    ("FOLDER_MISSING", Permission),
    ("PATH_OUTSIDE", Permission),
    ("FILE_DENIED", Permission),
    ("MAIL_TLS", Permission),
    ("MODEL_NONE", Permission),
    ("MODEL_UNKNOWN", Permission),
    // It may have happened.
    ("HTTP_UNCERTAIN", Uncertain),
    ("FILE_UNCERTAIN", Uncertain),
    ("MAIL_UNCERTAIN", Uncertain),
    // Too much.
    ("RESPONSE_TOO_LARGE", Limit),
    ("FOLDER_TOO_LARGE", Limit),
    ("FILE_TOO_LARGE", Limit),
    ("MODEL_TOO_LARGE", Limit),
    ("MODEL_QUOTA", Limit),
    ("MODEL_BUDGET", Limit),
    // Something is wrong with Steward itself.
    ("VAULT_TAMPERED", Internal),
    ("CONNECTOR_INTERNAL", Internal),
];

/// What is done about a fault, as a person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// The script is told, and may go on.
    Answer,
    /// The same call again.
    Again,
    /// The service is asked, or it is done again where that leads to the same.
    Settle,
    /// The person is asked whether it happened; the run waits.
    AskSettle,
    /// The person is asked to log in again; the run waits.
    AskReconnect,
    /// The person is asked to allow it; the run waits.
    AskGrant,
    /// The run is over; the script is to be repaired.
    Repair,
    /// The run is over; a limit is told.
    TellLimit,
    /// The run is over, and the automation is paused.
    Closed,
    /// Anything else.
    Other,
}

impl Way {
    pub(crate) const ALL: [Self; 10] = [
        Self::Answer,
        Self::Again,
        Self::Settle,
        Self::AskSettle,
        Self::AskReconnect,
        Self::AskGrant,
        Self::Repair,
        Self::TellLimit,
        Self::Closed,
        Self::Other,
    ];

    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Answer => "the script is told",
            Self::Again => "tried again",
            Self::Settle => "settled by its identity",
            Self::AskSettle => "asked whether it happened",
            Self::AskReconnect => "asked to reconnect",
            Self::AskGrant => "asked to allow it",
            Self::Repair => "repair",
            Self::TellLimit => "limit told",
            Self::Closed => "paused, and asked",
            Self::Other => "anything else",
        }
    }
}

/// How an effect can be told to have happened; none for a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    Read,
    Keyed,
    Queryable,
    Natural,
    Blind,
}

/// What is to be done about a class of failure, the first time that it is met.
pub(crate) fn way_of(class: Class, known: Known) -> Way {
    match class {
        Transient => Way::Again,
        Logic => Way::Repair,
        Auth => Way::AskReconnect,
        Permission => Way::AskGrant,
        Limit => Way::TellLimit,
        Uncertain => match known {
            Known::Keyed | Known::Queryable | Known::Natural => Way::Settle,
            Known::Blind => Way::AskSettle,
            // Nothing was done by a read, so whoever says so is wrong.
            Known::Read => Way::Closed,
        },
        Class::Nondeterminism | Internal | Class::Unknown => Way::Closed,
    }
}

/// What is meant by a code.
pub(crate) fn class_of(code: &str) -> Option<Class> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, class)| *class)
}
