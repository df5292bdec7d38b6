//! What the watcher remembers about one trigger.

use std::collections::{BTreeMap, HashMap};

use intents::Timestamp;
use intents::canonical::Digest;

use super::settle::{REST, Settling};
use super::walk::Found;

/// What is remembered about one trigger.
#[derive(Default)]
pub(super) struct Memory {
    /// The files it has seen: length and time of change by path.
    pub(super) seen: HashMap<String, (u64, Timestamp)>,
    pub(super) settling: Settling,
    /// Files as they were when they could not be taken.
    pub(super) refused: BTreeMap<String, (Found, String)>,
    /// Those that the open need tells of.
    pub(super) told: Option<Digest>,
    /// Those are to be tried again: a permission that was given changes nothing of the file itself.
    pub(super) retry: bool,
    /// Something is left to be taken at once.
    pub(super) more: bool,
}

impl Memory {
    /// Whether there is nothing new about a file.
    pub(super) fn knows(&self, file: &Found) -> bool {
        self.seen.get(&file.path) == Some(&(file.size, file.modified)) || self.refused.contains_key(&file.path)
    }

    /// When it is to be looked at again, given the last look.
    pub(super) fn next(&self, looked_at: Timestamp) -> Option<Timestamp> {
        if self.more {
            return Some(looked_at);
        }
        self.settling.is_waiting().then_some(looked_at + REST)
    }
}
