//! What is known of a call site: the merged shape of its results, and how long it takes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::compare::{Change, Drift, What, compare};
use super::names::Names;
use super::shape::Shape;

/// Runs that a shape must have been seen in before a result that leaves it fails a run by itself. With fewer, the script
/// sees the result, and what is known is evidence alone.
pub const SAMPLES_MIN: u32 = 3;
/// Runs that are counted: more say nothing new, and are not written.
const SAMPLES_MAX: u32 = 50;
/// Notes that are remembered, so that each is told once.
const NOTES_MAX: usize = 100;
/// A call that takes longer than this share of the time that it has, in percent, and much longer than it used to, is on
/// the way to a timeout.
const SLOW_SHARE: u64 = 25;
/// Much longer: so many times.
const SLOW_TIMES: u64 = 4;
/// Calls below this many milliseconds are quick, whatever they took before.
const QUICK_MS: u64 = 1_000;

/// What is known of a call site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The merged shape.
    pub shape: Shape,
    /// Successful runs that it was seen in, up to a bound.
    pub samples: u32,
    /// How long a call takes in the long run, in milliseconds.
    #[serde(default)]
    usual_ms: u64,
    /// How long it took lately.
    #[serde(default)]
    lately_ms: u64,
    /// What has been told.
    #[serde(default)]
    told: BTreeSet<String>,
}

/// Something that does not break anything yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// In plain words.
    pub words: String,
    /// Whether it is on the way to break something.
    pub warns: bool,
}

impl Fingerprint {
    /// How a result differs.
    pub fn drift(&self, now: &Shape, used: &Names) -> Drift {
        compare(&self.shape, now, used)
    }

    /// Whether enough is known to fail a run by it.
    pub fn is_firm(&self) -> bool {
        self.samples >= SAMPLES_MIN
    }

    /// Learns from a successful run; gives what is to be told, and whether there is anything to store.
    pub fn learn(&mut self, seen: &Shape, took_ms: u64, timeout_ms: u64, used: &Names) -> (Vec<Note>, bool) {
        let mut notes = Vec::new();
        if self.samples > 0 {
            for change in self.drift(seen, used).changes {
                self.note(&change, &mut notes);
            }
        }
        let before = self.clone();
        self.shape.merge(seen);
        self.samples = (self.samples + 1).min(SAMPLES_MAX);
        let grew = !before.shape.is_like(&self.shape) || before.samples != self.samples;
        self.time(took_ms, timeout_ms, &mut notes);
        (notes.clone(), grew || !notes.is_empty())
    }

    fn note(&mut self, change: &Change, notes: &mut Vec<Note>) {
        let warns = match change.what {
            What::SometimesMissing | What::SometimesOther { .. } => change.used,
            What::Removed | What::Retyped { .. } | What::Rewritten { .. } | What::Added => false,
        };
        self.tell(Note { words: change.words(), warns }, notes);
    }

    fn tell(&mut self, note: Note, notes: &mut Vec<Note>) {
        if self.told.len() < NOTES_MAX && self.told.insert(note.words.clone()) {
            notes.push(note);
        }
    }

    /// The usual time follows slowly, the time of late quickly.
    fn time(&mut self, took_ms: u64, timeout_ms: u64, notes: &mut Vec<Note>) {
        if self.samples <= 1 {
            (self.usual_ms, self.lately_ms) = (took_ms, took_ms);
            return;
        }
        self.lately_ms = (self.lately_ms * 2 + took_ms) / 3;
        let slow = self.lately_ms > QUICK_MS
            && self.lately_ms > self.usual_ms.max(1) * SLOW_TIMES
            && self.lately_ms * 100 > timeout_ms * SLOW_SHARE;
        if slow && self.is_firm() {
            let words = format!(
                "it takes {:.1} s now, and took {:.1} s before; after {} s it is given up",
                self.lately_ms as f64 / 1000.0,
                self.usual_ms as f64 / 1000.0,
                timeout_ms / 1000
            );
            let known = self.told.iter().any(|told| told.starts_with("it takes "));
            if !known {
                self.tell(Note { words, warns: true }, notes);
            }
        } else {
            self.usual_ms = (self.usual_ms * 19 + took_ms) / 20;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_slow_change_is_told_before_it_breaks_and_once() {
        let used = Names::of(["row.amount"]);
        let row = |with: bool| {
            let mut row = json!({ "id": 1 });
            if with {
                row["amount"] = json!(5);
            }
            row
        };
        let full = Shape::of(&json!([row(true), row(true)]));
        let mut known = Fingerprint::default();
        for _ in 0..SAMPLES_MIN {
            assert_eq!(known.learn(&full, 10, 30_000, &used).0, []);
        }
        assert!(known.is_firm());
        let half = Shape::of(&json!([row(true), row(false)]));
        assert!(!known.drift(&half, &used).breaks());
        let note = Note { words: "`/*/amount` is missing now and then".to_owned(), warns: true };
        assert_eq!(known.learn(&half, 10, 30_000, &used), (vec![note], true));
        assert_eq!(known.learn(&half, 10, 30_000, &used).0, []);
        let none = Shape::of(&json!([row(false), row(false)]));
        assert!(!known.drift(&none, &used).breaks(), "what was missing now and then may be missing");
    }

    #[test]
    fn a_service_that_becomes_slow_is_told_of_before_it_is_given_up() {
        let (shape, used) = (Shape::of(&json!({})), Names::default());
        let mut known = Fingerprint::default();
        for _ in 0..10 {
            assert_eq!(known.learn(&shape, 300, 30_000, &used).0, []);
        }
        let mut told = Vec::new();
        for _ in 0..10 {
            told.extend(known.learn(&shape, 20_000, 30_000, &used).0);
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].warns && told[0].words.contains("after 30 s it is given up"), "{told:?}");
    }

    #[test]
    fn what_says_nothing_new_is_not_stored() {
        let (shape, used) = (Shape::of(&json!({ "a": 1 })), Names::default());
        let mut known = Fingerprint::default();
        let stored = (0..200).filter(|_| known.learn(&shape, 5, 1000, &used).1).count();
        assert_eq!(stored, SAMPLES_MAX as usize);
    }
}
