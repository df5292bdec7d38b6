//! The frames of a backup: rows of a table, or a part of a file. The last one is the index.

use intents::canonical::Digest;

use crate::error::{Code, Error};
use crate::sealed;

/// A part of a file that is a frame of its own.
pub(super) const FILE_BYTES: usize = 1 << 20;

const ROWS: u8 = 1;
const FILE: u8 = 2;

/// What a frame holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Rows of a table.
    Rows(Vec<u8>),
    /// A part of a file.
    File(Vec<u8>),
}

impl Frame {
    /// The name of what it holds.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Rows(bytes) => Digest::of_parts("steward backup rows 1", &[bytes]),
            Self::File(bytes) => Digest::of_parts("steward backup file 1", &[bytes]),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (tag, bytes) = match self {
            Self::Rows(bytes) => (ROWS, bytes),
            Self::File(bytes) => (FILE, bytes),
        };
        let mut frame = Vec::with_capacity(bytes.len() + 1);
        frame.push(tag);
        frame.extend_from_slice(bytes);
        frame
    }

    pub(super) fn from_bytes(mut bytes: Vec<u8>) -> Option<Self> {
        match *bytes.first()? {
            ROWS => Some(Self::Rows(bytes.split_off(1))),
            FILE => Some(Self::File(bytes.split_off(1))),
            _ => None,
        }
    }
}

/// Says what is wrong with a file of a backup.
pub(super) fn explained(path: &std::path::Path, error: &sealed::Error) -> Error {
    let code = match error {
        sealed::Error::Foreign | sealed::Error::Io(_) => Code::BackupUnreadable,
        sealed::Error::Newer(_) => Code::BackupNewer,
        sealed::Error::WrongKey => Code::BackupKey,
        sealed::Error::Cut | sealed::Error::Changed(_) => Code::BackupDamaged,
    };
    Error::new(code, format!("`{}`: {error}", path.display()))
}

/// Says that a backup is damaged.
pub(super) fn damaged(path: &std::path::Path, reason: impl std::fmt::Display) -> Error {
    Error::new(Code::BackupDamaged, format!("`{}`: {reason}", path.display()))
}
