//! What a backup says about itself.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical::Digest;
use serde::{Deserialize, Serialize};

use crate::store::EventsHead;

/// What a backup says about itself, readable without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Its name, like no other.
    pub id: String,
    /// The backup whose pieces it leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// When it was taken.
    pub at: Timestamp,
    /// The version of Steward that took it.
    pub steward: String,
    /// The kind of database that it was taken of.
    pub database: String,
    /// The migrations of that database, oldest first.
    pub migrations: Vec<String>,
    /// The position of the last event that it holds.
    pub position: i64,
    /// The chain over all events up to it.
    pub chain: Digest,
    /// The last position that is in the archive.
    pub archived: i64,
    /// The chain over all events that are in the archive.
    pub archived_chain: Digest,
    /// How a passphrase makes the master key, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
}

impl Manifest {
    /// Where the events stand.
    pub(super) fn head(&self) -> EventsHead {
        EventsHead { position: self.position, chain: self.chain }
    }

    /// Where the events begin that are in the table.
    pub(super) fn beginning(&self) -> EventsHead {
        EventsHead { position: self.archived, chain: self.archived_chain }
    }
}

/// The last frame of a backup: what a restore of it consists of, wherever the pieces are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// The pieces of each table, in the order of its rows.
    pub(super) tables: BTreeMap<String, TableIndex>,
    /// The pieces of each file, in their order.
    pub(super) files: BTreeMap<String, FileIndex>,
}

/// The pieces of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableIndex {
    pub(super) rows: u64,
    pub(super) pieces: Vec<Digest>,
}

/// The pieces of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileIndex {
    pub(super) bytes: u64,
    pub(super) pieces: Vec<Digest>,
}

impl Index {
    /// The names of all pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Digest> {
        let tables = self.tables.values().flat_map(|table| table.pieces.iter());
        tables.chain(self.files.values().flat_map(|file| file.pieces.iter())).copied()
    }

    /// The rows of all tables.
    pub(super) fn rows(&self) -> u64 {
        self.tables.values().map(|table| table.rows).sum()
    }
}
