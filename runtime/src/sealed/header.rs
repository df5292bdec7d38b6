//! What a sealed file says about itself to anybody.

use connectors::vault::Key;
use intents::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;

/// The format. A change that older versions cannot read counts it up.
const FORMAT: u32 = 1;

/// What a sealed file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A backup.
    Backup,
    /// Events that have left the database.
    Archive,
}

/// What a sealed file says about itself. Readable by anybody, and bound to every frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(super) format: u32,
    /// What the file is.
    pub(crate) kind: Kind,
    /// When it was begun.
    pub(crate) at: Timestamp,
    /// What its users say about it.
    pub(crate) about: Value,
    /// Tells which key opens it, and nothing about that key.
    #[serde(default)]
    pub(super) locked_by: String,
    /// The key of the file, sealed under the key that opens it.
    #[serde(default)]
    pub(super) key: Vec<u8>,
}

/// Only the format, to tell a newer file from a broken one.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

impl Header {
    /// A header for a file that begins now.
    pub(crate) fn new(kind: Kind, at: Timestamp, about: Value) -> Self {
        Self { format: FORMAT, kind, at, about, locked_by: String::new(), key: Vec::new() }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if let Ok(Versioned { format }) = serde_json::from_slice(bytes)
            && format > FORMAT
        {
            return Err(Error::Newer(format));
        }
        serde_json::from_slice(bytes).map_err(|_| Error::Changed("its header cannot be read"))
    }
}

/// The name of a key: enough to tell it from others.
pub(super) fn name_of(lock: &Key) -> String {
    let name = blake3::derive_key("steward 2026-11 sealed file key name v1", lock.as_bytes());
    name[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the key of the file is bound to.
pub(super) const KEY_CONTEXT: &[u8] = b"steward sealed file key";
