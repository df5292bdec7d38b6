//! The journal of a simulated run: the same records as those of a real one.

use std::collections::BTreeSet;
use std::sync::Arc;

use intents::Timestamp;
use intents::journal::{Called, Record};
use intents::label::Labels;
use intents::outcome::Outcome;

/// The journal of a simulated run.
pub(super) struct Journal {
    pub(super) records: Vec<Record>,
    called: BTreeSet<u32>,
    orders: u32,
    /// The logical time: it never goes back.
    now: Timestamp,
}

impl Journal {
    /// A journal that goes on from earlier records.
    pub(super) fn from(records: Vec<Record>, now: Timestamp) -> Self {
        let mut journal = Self { records: Vec::new(), called: BTreeSet::new(), orders: 0, now };
        for record in &records {
            match record {
                Record::Called(called) => drop(journal.called.insert(called.call)),
                Record::Settled { order, .. } => journal.orders = journal.orders.max(order + 1),
                Record::Began { .. }
                | Record::Faulted { .. }
                | Record::Reread { .. }
                | Record::StateRead { .. }
                | Record::Logged(_)
                | Record::Outside(_)
                | Record::Ended { .. } => {}
            }
        }
        Self { records, ..journal }
    }

    /// Notes a call, unless it is there: made again, it is the same.
    pub(super) fn called(&mut self, called: Called) -> bool {
        let new = self.called.insert(called.call);
        if new {
            self.records.push(Record::Called(called));
        }
        new
    }

    /// Notes an outcome; gives the logical time from there on.
    pub(super) fn settled(&mut self, call: u32, outcome: Arc<Outcome>, labels: Labels, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        let order = self.orders;
        self.orders += 1;
        self.records.push(Record::Settled { call, order, outcome, at: self.now, took_ms: 0, labels });
        self.now
    }
}
