//! What a simulated world remembers: the ledger with the semantics of the store's, the automation's state, places in
//! windows, and what the outside knows to have happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::{Claim, Prior, State};
use intents::gate::{Counter, Mark, Take};
use intents::outcome::Outcome;
use intents::trial::{Applied, Deed};
use serde_json::Value;

use super::case::Case;
use crate::store::StateWrite;

/// What the ledger holds under a key.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) state: State,
    pub(super) claim: Claim,
    pub(super) started_at: Timestamp,
    pub(super) outcome: Option<Arc<Outcome>>,
    pub(super) deed: Arc<Deed>,
}

/// A place that a call took in a window.
#[derive(Debug, Clone)]
struct Place {
    subject: Digest,
    mark: Mark,
    /// The effect that took it: made again, it takes no second one.
    by: Digest,
}

/// What a simulated world remembers. Cheap to clone: it is kept for each place to die.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    ledger: BTreeMap<Digest, Entry>,
    state: BTreeMap<String, (Arc<Value>, u64)>,
    places: Vec<Place>,
    /// What the outside knows to have happened, under the identity that it was sent with.
    outside: BTreeMap<Digest, Arc<Outcome>>,
    /// Effects that were performed.
    pub(super) applied: Applied,
    /// Effects that another item asked for again.
    pub(super) suppressions: u32,
    /// What the user was told, and what other automations were.
    pub(super) told: BTreeSet<String>,
}

impl Memory {
    /// A world in which nothing has happened yet.
    pub(super) fn fresh(case: &Case) -> Self {
        let state = case.state.iter().map(|(name, value)| (name.clone(), (Arc::new(value.clone()), 1))).collect();
        Self { state, ..Self::default() }
    }

    pub(super) fn entry(&self, identity: Digest) -> Option<&Entry> {
        self.ledger.get(&identity)
    }

    pub(super) fn prior(&self, identity: Digest) -> Option<Prior> {
        self.ledger.get(&identity).map(|entry| Prior {
            state: entry.state,
            claim: entry.claim,
            started_at: entry.started_at,
            settled_at: None,
        })
    }

    pub(super) fn start(&mut self, identity: Digest, claim: Claim, now: Timestamp, deed: Deed) {
        let entry = Entry { state: State::Started, claim, started_at: now, outcome: None, deed: Arc::new(deed) };
        self.ledger.insert(identity, entry);
    }

    /// It happens outside. The same again is the same: that is what makes it safe to settle by sending again.
    pub(super) fn perform(&mut self, identity: Digest, outcome: &Arc<Outcome>) {
        if let Some(entry) = self.ledger.get(&identity) {
            self.applied.insert(Arc::clone(&entry.deed));
        }
        self.outside.entry(identity).or_insert_with(|| Arc::clone(outcome));
    }

    /// What the outside knows of it.
    pub(super) fn happened(&self, identity: Digest) -> Option<&Arc<Outcome>> {
        self.outside.get(&identity)
    }

    pub(super) fn settle(&mut self, identity: Digest, outcome: Option<Arc<Outcome>>) {
        if let Some(entry) = self.ledger.get_mut(&identity) {
            entry.state = if outcome.is_some() { State::Applied } else { State::NotApplied };
            entry.outcome = outcome;
        }
        if self.ledger.get(&identity).is_some_and(|entry| entry.state == State::NotApplied) {
            self.places.retain(|place| place.by != identity);
        }
    }

    /// Settles what is under way, as its service would: a run begins afresh only then.
    pub(super) fn settle_all(&mut self) {
        let open: Vec<_> = self
            .ledger
            .iter()
            .filter(|(_, entry)| matches!(entry.state, State::Started | State::Uncertain))
            .map(|(identity, _)| *identity)
            .collect();
        for identity in open {
            let outcome = self.outside.get(&identity).cloned();
            self.settle(identity, outcome);
        }
    }

    /// What others took in each subject of each counter.
    pub(super) fn taken(&self, counters: &[Counter], by: Digest) -> Vec<Vec<Vec<Mark>>> {
        let of = |subject: &Digest| {
            let places = self.places.iter().filter(|place| place.subject == *subject && place.by != by);
            places.map(|place| place.mark).collect::<Vec<_>>()
        };
        counters.iter().map(|counter| counter.subjects.iter().map(of).collect()).collect()
    }

    pub(super) fn take(&mut self, takes: &[Take], by: Digest, now: Timestamp) {
        self.places.retain(|place| place.by != by);
        let places =
            takes.iter().map(|take| Place { subject: take.subject, mark: Mark { at: now, amount: take.amount }, by });
        self.places.extend(places);
    }

    /// A place of the state with its version; 0 when there is nothing.
    pub(super) fn state(&self, name: &str) -> (Arc<Value>, u64) {
        self.state.get(name).cloned().unwrap_or_default()
    }

    /// What a run that succeeded wrote.
    pub(super) fn commit(&mut self, writes: Vec<StateWrite>) {
        for write in writes {
            let Some(value) = write.value else { continue };
            let version = self.state(&write.name).1 + 1;
            match value {
                Some(value) => drop(self.state.insert(write.name, (Arc::new(value), version))),
                None => drop(self.state.remove(&write.name)),
            }
        }
    }

    /// The state as values.
    pub(super) fn values(&self) -> BTreeMap<&str, &Value> {
        self.state.iter().map(|(name, (value, _))| (name.as_str(), &**value)).collect()
    }

    /// The world in which these effects happened in runs that failed afterwards: the state is as it was at first.
    pub(super) fn without_progress(&self, case: &Case) -> Self {
        Self { state: Self::fresh(case).state, ..self.clone() }
    }
}
