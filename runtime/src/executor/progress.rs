//! The part of an attempt that is still in memory: what the next commit will add to the journal.

use std::sync::Arc;

use intents::Timestamp;
use intents::id::RunId;
use intents::journal::{Called, Record};
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};

use super::attempt::Ending;
use super::witness::Witness;
use crate::store::Progress;

/// What has happened since the last commit.
pub(super) struct Unsaved {
    run: RunId,
    attempt: u32,
    generation: u32,
    records: Vec<Record>,
    calls: u32,
    orders: u32,
    /// The logical time: it never goes back.
    now: Timestamp,
    witness: Witness,
}

impl Unsaved {
    pub(super) fn new(
        run: RunId,
        attempt: u32,
        generation: u32,
        earlier: &[Record],
        start: Timestamp,
        witness: Witness,
    ) -> Self {
        let mut unsaved =
            Self { run, attempt, generation, records: Vec::new(), calls: 0, orders: 0, now: start, witness };
        for record in earlier {
            match record {
                Record::Called(called) => unsaved.calls = unsaved.calls.max(called.call + 1),
                Record::Settled { order, at, .. } => {
                    unsaved.orders = unsaved.orders.max(order + 1);
                    unsaved.now = unsaved.now.max(*at);
                }
                Record::Began { .. }
                | Record::Faulted { .. }
                | Record::Reread { .. }
                | Record::StateRead { .. }
                | Record::Logged(_)
                | Record::Outside(_)
                | Record::Ended { .. } => {}
            }
        }
        unsaved
    }

    pub(super) fn push(&mut self, record: Record) {
        self.witness.saw(&record);
        self.records.push(record);
    }

    /// The attempt has ended; none, when it met trouble.
    pub(super) fn ended(&mut self, ending: Option<Ending>) {
        self.witness.ended(ending);
    }

    /// Calls so far.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// Notes a call that the journal does not have yet.
    pub(super) fn called(&mut self, called: Called) {
        self.calls = self.calls.max(called.call + 1);
        self.push(Record::Called(called));
    }

    /// Notes an outcome and gives it its place; returns the logical time from there on.
    pub(super) fn settled(
        &mut self,
        call: u32,
        outcome: Arc<Outcome>,
        labels: Labels,
        took_ms: u64,
        now: Timestamp,
    ) -> Timestamp {
        self.now = self.now.max(now);
        let order = self.orders;
        self.orders += 1;
        self.push(Record::Settled { call, order, outcome, at: self.now, took_ms, labels });
        self.now
    }

    pub(super) fn faulted(&mut self, call: u32, failure: &Failure, routed: String, now: Timestamp) {
        self.push(Record::Faulted { call, failure: failure.clone(), answer: None, routed: Some(routed), at: now });
    }

    /// Hands over what the next commit adds.
    pub(super) fn take(&mut self) -> Progress {
        Progress {
            run: self.run,
            attempt: self.attempt,
            generation: self.generation,
            records: std::mem::take(&mut self.records),
            calls: self.calls,
        }
    }
}
