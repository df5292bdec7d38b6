//! The second step: what becomes of a call that passed, once it is known what was done before.
//!
//! The order of clauses is fixed. A call that any clause refuses is refused; then one that is stale ends; then one that
//! must wait waits, and everything is decided again afterwards; then one that is left out is left out; and only what is
//! left is asked about, once, with every ground. So nobody is asked about a call that could not be made anyway.

use std::collections::BTreeSet;

use super::approval::Ground;
use super::count::{Beyond, Mark, Room};
use super::verdict::{Held, Passed};
use crate::Timestamp;
use crate::amount::Amount;
use crate::canonical::Digest;
use crate::contract::Excess;

/// What a person has said yes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consent {
    /// The grounds that were listed when the person said yes to exactly this call.
    pub grounds: BTreeSet<Digest>,
    /// Envelopes that were approved, are not expired, and have room for one more call.
    pub envelopes: BTreeSet<Digest>,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// It waits; then the whole gate decides again.
    Wait {
        /// Until when.
        until: Timestamp,
        /// The clauses in plain words.
        clauses: Vec<String>,
    },
    /// It is left out; the script sees the clause.
    Skip {
        /// The clause in plain words.
        clause: String,
    },
    /// A person is asked.
    NeedsApproval {
        /// Every ground that no envelope covers, those of limits first.
        grounds: Vec<Ground>,
    },
    /// It may be made.
    Allow {
        /// What it takes in counters, in the same transaction. Each subject once.
        takes: Vec<Take>,
        /// The envelopes that it uses up by one.
        envelopes: BTreeSet<Digest>,
    },
}

/// What a call takes in a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Take {
    /// The subject.
    pub subject: Digest,
    /// How much.
    pub amount: Amount,
}

impl Passed {
    /// Decides, given the marks in each counter: for each counter, in order, one list for each of its subjects.
    pub fn conclude(&self, taken: &[Vec<Vec<Mark>>], consent: &Consent, now: Timestamp) -> Conclusion {
        debug_assert_eq!(taken.len(), self.counters.len());
        let mut held = self.held.clone();
        let (mut trusted, mut takes) = (Vec::new(), BTreeSet::new());
        for (counter, marks) in self.counters.iter().zip(taken) {
            let room = counter.room(marks, now);
            match (&counter.beyond, room) {
                (Beyond::Limit { .. }, Room::Free) => {}
                (Beyond::Limit { excess, words, subject }, Room::Full { .. } | Room::Never) => {
                    let until = match room {
                        Room::Full { until } => until,
                        Room::Free | Room::Never => now + counter.window.unwrap_or_default(),
                    };
                    held.push(Held { excess: *excess, until, words: words.clone(), subject: *subject });
                }
                (Beyond::Trusted(ground), Room::Free) => trusted.push((**ground).clone()),
                // Enough were asked about: from here on it is trusted, and not counted any more.
                (Beyond::Trusted(_), Room::Full { .. } | Room::Never) => continue,
            }
            takes.extend(counter.subjects.iter().map(|subject| Take { subject: *subject, amount: counter.amount }));
        }
        let those = |excess: Excess| held.iter().filter(move |held| held.excess == excess);
        if let Some(until) = those(Excess::Wait).map(|held| held.until).max() {
            let mut clauses: Vec<_> = those(Excess::Wait).map(|held| held.words.clone()).collect();
            clauses.dedup();
            return Conclusion::Wait { until, clauses };
        }
        if let Some(held) = those(Excess::Skip).next() {
            return Conclusion::Skip { clause: held.words.clone() };
        }
        let asked = those(Excess::Ask)
            .map(|held| Ground { subject: held.subject, words: held.words.clone(), envelope: None })
            .chain(self.grounds.iter().cloned())
            .chain(trusted);
        agreed(asked, consent).map_or_else(
            |grounds| Conclusion::NeedsApproval { grounds },
            |envelopes| Conclusion::Allow { takes: takes.into_iter().collect(), envelopes },
        )
    }
}

/// The envelopes that are used up by one, or else the grounds to ask about: all that no envelope covers, also those that
/// an earlier yes covered, since the next yes takes its place.
fn agreed(asked: impl Iterator<Item = Ground>, consent: &Consent) -> Result<BTreeSet<Digest>, Vec<Ground>> {
    let (mut open, mut used, mut seen) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for ground in asked.filter(|ground| seen.insert(ground.subject)) {
        let envelope = ground.envelope.as_ref().map(|offer| offer.subject);
        match envelope.filter(|envelope| consent.envelopes.contains(envelope)) {
            Some(_) if consent.grounds.contains(&ground.subject) => {}
            Some(envelope) => drop(used.insert(envelope)),
            None => open.push(ground),
        }
    }
    if open.iter().all(|ground| consent.grounds.contains(&ground.subject)) { Ok(used) } else { Err(open) }
}
