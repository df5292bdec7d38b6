//! What the store can say no to.

use std::path::PathBuf;

use intents::failure::Class;
use sea_orm::DbErr;

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
            Self::Folder { .. } => "STORE_FOLDER",
            Self::Full => "STORE_DISK_FULL",
            Self::Busy => "STORE_BUSY",
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
            Self::Full | Self::Busy | Self::Closed => Class::Transient,
            Self::NotFound { .. } | Self::Conflict { .. } => Class::Logic,
            Self::Locked { .. }
            | Self::Newer { .. }
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
    fn from(error: DbErr) -> Self {
        Self::of_sqlite(primary_code(&error), error.to_string())
    }
}

impl Error {
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
}

fn primary_code(error: &DbErr) -> Option<i32> {
    use sea_orm::RuntimeErr;
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else { return None };
    let RuntimeErr::SqlxError(sqlx) = runtime else { return None };
    let code: i32 = sqlx.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
