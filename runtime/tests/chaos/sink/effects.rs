//! What the service does, and what it remembers.

use std::collections::BTreeSet;
use std::io;

use super::Kind;
use super::record::{Line, Writer};

/// What the service remembers: its record, and the keys that it has seen.
pub(super) struct Effects {
    record: Writer,
    performed: BTreeSet<(Kind, String)>,
}

impl Effects {
    pub(super) fn new(record: Writer) -> Self {
        Self { record, performed: BTreeSet::new() }
    }

    pub(super) fn note(&mut self, line: &Line) -> io::Result<()> {
        self.record.write(line)
    }

    /// Performs an effect, unless it is one that is performed once for each key and was.
    pub(super) fn perform(&mut self, kind: Kind, effect: &str, key: &str, body: &str) -> io::Result<()> {
        let is_new = self.performed.insert((kind, key.to_owned()));
        if kind == Kind::Keyed && !is_new {
            return Ok(());
        }
        let line = Line::Performed { kind, effect: effect.to_owned(), key: key.to_owned(), body: body.to_owned() };
        self.record.write(&line)
    }

    /// Whether a key arrived.
    pub(super) fn has(&self, kind: Kind, key: &str) -> bool {
        self.performed.contains(&(kind, key.to_owned()))
    }
}
