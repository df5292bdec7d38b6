//! What the writer counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Store;
use crate::telemetry::metrics::{Exposition, Histogram, SECONDS};

/// What the writer counts. One task writes it, so nobody waits for the lock.
pub(super) struct Figures {
    /// Events by type. The types are words of ours, and not many.
    events: Mutex<BTreeMap<String, u64>>,
    /// Changes that shared a commit.
    changes: Histogram,
    /// How long commits took, the look at the rows and the flush included.
    commit_seconds: Histogram,
}

/// Bounds for changes in one commit: the writer takes 256 at most.
const CHANGES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

impl Figures {
    pub(super) fn new() -> Self {
        let (changes, commit_seconds) = (Histogram::new(CHANGES), Histogram::new(SECONDS));
        Self { events: Mutex::default(), changes, commit_seconds }
    }

    /// A commit is on the disk.
    pub(super) fn committed(&self, changes: usize, took: Duration) {
        self.changes.record(changes as u64);
        self.commit_seconds.took(took);
    }

    /// Events of these types are on the disk.
    pub(super) fn told(&self, types: Vec<String>) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        for name in types {
            match events.get_mut(&name) {
                Some(count) => *count += 1,
                None => drop(events.insert(name, 1)),
            }
        }
    }
}

/// Types that are told from the start, so that a rate can be computed before the first of them.
const EXPECTED: [&str; 4] = ["run.queued", "run.succeeded", "run.failed", "run.stopped"];

impl Store {
    /// Writes what the writer has counted.
    pub fn write_figures(&self, exposition: &mut Exposition) {
        let figures = &self.shared().figures;
        let (commits, statements) = self.counts();
        exposition.counter("steward_commits_total", "Commits.").value(&[], commits);
        exposition.counter("steward_statements_total", "Multi-row statements.").value(&[], statements);
        let help = "Changes that shared a commit.";
        exposition.numbers("steward_commit_changes", help, &[], &figures.changes.read());
        let help = "How long commits took, until they were on the disk.";
        exposition.seconds("steward_commit_duration_seconds", help, &[], &figures.commit_seconds.read());
        let (waiting, most) = self.queue();
        exposition.gauge("steward_writer_queue", "Changes that wait for the writer.").value(&[], waiting);
        exposition.gauge("steward_writer_queue_max", "How many may wait.").value(&[], most);
        let mut events = figures.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for name in EXPECTED {
            events.entry(name.to_owned()).or_default();
        }
        exposition.counter("steward_events_total", "Events that were written, by type.");
        for (name, count) in &events {
            exposition.value(&[("type", name)], count);
        }
        exposition.counter("steward_runs_total", "Runs that have ended, by outcome.");
        for outcome in ["succeeded", "failed", "stopped"] {
            let count = events.get(&format!("run.{outcome}")).copied().unwrap_or_default();
            exposition.value(&[("outcome", outcome)], count);
        }
    }
}
