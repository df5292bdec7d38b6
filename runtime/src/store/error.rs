//! What the store can say no to.

use std::path::PathBuf;

use intents::failure::Class;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, sqlx};

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another server holds the data directory.
    #[error(
        "another Steward uses the data folder `{folder}` (process {holder}); stop it, or choose another folder with STEWARD_HOME"
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Who holds it, as the lock file says.
        holder: String,
    },
    /// The database was written by a newer version.
    #[error(
        "the database was written by a newer Steward (it has `{migration}`, which this version does not know); install that version"
    )]
    Newer {
        /// The first migration that is not known here.
        migration: String,
    },
    /// The store is in another database.
    #[error(
        "the store of the data folder `{folder}` is in {to}; set `store.url` to it, or remove `steward.db.moved` to have one in the folder"
    )]
    Moved {
        /// The folder.
        folder: PathBuf,
        /// Where to, without a password.
        to: String,
    },
    /// A database is named, and there is a store in the folder that has not moved to it.
    #[error(
        "the data folder `{folder}` has a store of its own, which is not in the database of `store.url`; move it there with `steward store migrate`, or put `steward.db` elsewhere"
    )]
    LeftBehind {
        /// The folder.
        folder: PathBuf,
    },
    /// The database belongs to another installation.
    #[error(
        "the database of `store.url` was written under another master key; start with the vault of that installation, or name an empty database"
    )]
    OtherKeys,
    /// The data folder cannot be used.
    #[error("the data folder `{folder}` cannot be used: {reason}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The disk is full.
    #[error("the disk is full; free some space: nothing that was acknowledged is lost, and runs go on by themselves")]
    Full,
    /// The database cannot be reached, or does not answer.
    #[error("the database cannot be reached: {reason}; Steward goes on by itself when it can")]
    Unreachable {
        /// What was tried, and what came of it.
        reason: String,
    },
    /// Another server is active on the database.
    #[error("another server is active on the database; this one stands by, and takes over when that one is gone")]
    StandingBy,
    /// Another server has taken over.
    #[error("another server has taken over; this one does nothing any more and ends")]
    Fenced,
    /// Another program holds the database file.
    #[error("the database is locked by another program; close it, and Steward goes on by itself")]
    Busy,
    /// The database file is damaged.
    #[error("the database file is damaged: {reason}")]
    Damaged {
        /// What the database said.
        reason: String,
    },
    /// Anything else that the database says.
    #[error("the database failed: {reason}")]
    Database {
        /// What the database said.
        reason: String,
    },
    /// A row says something that this version does not understand.
    #[error("a stored `{what}` cannot be read: {reason}")]
    Unreadable {
        /// The kind of thing.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The key of a payload is destroyed, or is another.
    #[error("the content of `{what}` is erased or was written under another master key")]
    Sealed {
        /// The kind of thing.
        what: &'static str,
    },
    /// There is no such thing.
    #[error("there is no {what} `{which}`")]
    NotFound {
        /// The kind of thing.
        what: &'static str,
        /// The id or name that was asked for.
        which: String,
    },
    /// The request does not fit what is stored.
    #[error("{reason}")]
    Conflict {
        /// A stable code with a page in `docs/errors`.
        code: &'static str,
        /// What does not fit, and what to do.
        reason: String,
    },
    /// The store is closing, or its writer has died.
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// The stable code, with a page in `docs/errors`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "STORE_LOCKED",
            Self::Newer { .. } => "STORE_NEWER",
            Self::Moved { .. } => "STORE_MOVED",
            Self::LeftBehind { .. } => "STORE_LEFT_BEHIND",
            Self::OtherKeys => "STORE_OTHER_KEYS",
            Self::Folder { .. } => "STORE_FOLDER",
            Self::Full => "STORE_DISK_FULL",
            Self::Busy => "STORE_BUSY",
            Self::Unreachable { .. } => "STORE_UNREACHABLE",
            Self::StandingBy => "STORE_STANDBY",
            Self::Fenced => "STORE_FENCED",
            Self::Damaged { .. } => "STORE_DAMAGED",
            Self::Database { .. } => "STORE_DATABASE",
            Self::Unreadable { .. } => "STORE_UNREADABLE",
            Self::Sealed { .. } => "STORE_SEALED",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Conflict { code, .. } => code,
            Self::Closed => "STORE_CLOSED",
        }
    }

    /// What a caller may do about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Full | Self::Busy | Self::Unreachable { .. } | Self::StandingBy | Self::Fenced | Self::Closed => {
                Class::Transient
            }
            Self::NotFound { .. } | Self::Conflict { .. } => Class::Logic,
            Self::Locked { .. }
            | Self::Newer { .. }
            | Self::Moved { .. }
            | Self::LeftBehind { .. }
            | Self::OtherKeys
            | Self::Folder { .. }
            | Self::Damaged { .. }
            | Self::Database { .. }
            | Self::Unreadable { .. }
            | Self::Sealed { .. } => Class::Internal,
        }
    }

    /// Says that a stored thing cannot be read.
    pub(super) fn unreadable(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, reason: reason.to_string() }
    }
}

/// SQLite's primary result codes, from its documentation.
mod sqlite {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const NOTADB: i32 = 26;
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|failure| failure.extended_code & 0xff);
        Self::of_sqlite(code, error.to_string())
    }
}

impl From<DbErr> for Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what the driver says is told apart; the rest is for people")]
    fn from(error: DbErr) -> Self {
        use sea_orm::RuntimeErr;
        let reason = error.to_string();
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(sqlx))
            | DbErr::Exec(RuntimeErr::SqlxError(sqlx))
            | DbErr::Query(RuntimeErr::SqlxError(sqlx)) => Self::of_sqlx(&sqlx, reason),
            _ => Self::Database { reason },
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let reason = error.to_string();
        Self::of_sqlx(&error, reason)
    }
}

impl Error {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what the way to the database does is told apart from the rest")]
    fn of_sqlx(error: &sqlx::Error, reason: String) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        match error {
            Database(database) => match (database.code(), database.try_downcast_ref::<PgDatabaseError>()) {
                (Some(state), Some(_)) => Self::of_postgres(&state, reason),
                (code, _) => {
                    Self::of_sqlite(code.and_then(|code| code.parse().ok()).map(|code: i32| code & 0xff), reason)
                }
            },
            Io(_) | PoolClosed | PoolTimedOut | Protocol(_) | Tls(_) | WorkerCrashed => Self::Unreachable { reason },
            _ => Self::Database { reason },
        }
    }

    fn of_sqlite(code: Option<i32>, reason: String) -> Self {
        match code {
            // A write that fails for want of space may come as an I/O error, too.
            Some(sqlite::FULL) => Self::Full,
            Some(sqlite::IOERR) if reason.contains("disk") && reason.contains("full") => Self::Full,
            Some(sqlite::BUSY | sqlite::LOCKED) => Self::Busy,
            Some(sqlite::CORRUPT | sqlite::NOTADB) => Self::Damaged { reason },
            Some(_) | None => Self::Database { reason },
        }
    }

    /// By the SQLSTATE, from PostgreSQL's documentation.
    fn of_postgres(state: &str, reason: String) -> Self {
        match state {
            "53100" => Self::Full,
            // Somebody else holds rows of ours: a shell, a backup.
            "40001" | "40P01" | "55P03" => Self::Busy,
            "XX001" | "XX002" => Self::Damaged { reason },
            // It is starting, ending, was told to end this connection, or has no place for one.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" => Self::Unreachable { reason },
            _ if state.starts_with("08") => Self::Unreachable { reason },
            _ => Self::Database { reason },
        }
    }
}
