//! The attempt's end of a lease: it stands where a script would stand.

use std::collections::BTreeMap;
use std::time::Duration;

use intents::outcome::{Failure, Outcome};
use tokio::sync::watch;

use super::lease::{End, LEASE, Lease, NewStep, Stage, Waiting};
use super::opening::Opening;
use super::refusal::Over;
use crate::engine::EngineName;
use crate::executor::call::Leaving;

/// A holder that makes several calls at once makes them within this time of each other: a run whose calls all wait goes
/// to sleep only then.
const GATHER: Duration = Duration::from_millis(500);

/// What a holder asks of its attempt.
#[derive(Debug)]
pub(in crate::executor) enum Asked {
    /// It begins.
    Start {
        /// What it says of itself.
        says: Option<String>,
    },
    /// It makes a call.
    Call(Leaving),
    /// It marks its progress.
    Step(NewStep),
    /// Its calls have come to their outcomes or wait, and it has made no other for a while.
    Idle {
        /// Outcomes that it was given.
        delivered: u32,
    },
    /// It ends its lease.
    End(End),
    /// It is not heard of any more, or must not be heard any more.
    Lost,
}

/// The attempt's end of a lease. Dropping it ends the lease.
pub(crate) struct Holder {
    lease: Lease,
    wake: watch::Receiver<u64>,
    delivered: u32,
    /// The activity at which it was last said to be idle.
    idle_at: Option<u64>,
    lost: bool,
    released: bool,
}

impl Holder {
    pub(super) fn new(lease: Lease) -> Self {
        let wake = lease.0.wake.subscribe();
        Self { lease, wake, delivered: 0, idle_at: None, lost: false, released: false }
    }

    /// The engine that holds the run.
    pub(in crate::executor) fn engine(&self) -> &EngineName {
        self.lease.engine()
    }

    /// The lease.
    pub(in crate::executor) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The run is loaded, and the attempt is on the disk: the holder may have it.
    pub(in crate::executor) fn open(&mut self, opening: Opening, next_call: u32) {
        let mut inner = self.lease.lock();
        if inner.stage == Stage::Opening {
            inner.know(&opening);
            inner.number_from(next_call);
            inner.attempt = opening.attempt;
            // The clock of the lease starts when there is something to hold.
            inner.expires_at = self.lease.0.env.now() + LEASE;
            inner.opening = Some(opening);
            inner.stage = Stage::Claimed;
        }
        self.lease.tell(inner);
    }

    /// Waits for what the holder asks next. May be dropped and asked again; nothing is lost.
    pub(in crate::executor) async fn next(&mut self) -> Asked {
        loop {
            self.wake.mark_unchanged();
            let until = match self.look() {
                Ok(asked) => return asked,
                Err(until) => until,
            };
            tokio::select! {
                // The lease holds the sender.
                changed = self.wake.changed() => changed.unwrap_or_default(),
                () = self.lease.0.env.clock.sleep_until(until) => {}
            }
        }
    }

    /// What is asked now, or when to look again.
    fn look(&mut self) -> Result<Asked, intents::Timestamp> {
        let mut inner = self.lease.lock();
        if let Some(asked) = inner.queue.pop_front() {
            self.released |= matches!(asked, Asked::End(End::Released));
            return Ok(asked);
        }
        let now = self.lease.0.env.now();
        let held = matches!(inner.stage, Stage::Opening | Stage::Claimed | Stage::Started);
        if held && now >= inner.expires_at {
            inner.stage = Stage::Over(Over::Expired);
        }
        if matches!(inner.stage, Stage::Over(_)) && !self.lost {
            self.lost = true;
            self.lease.tell(inner);
            return Ok(Asked::Lost);
        }
        if !held {
            // Nothing more comes; whoever has ended the lease ends the attempt.
            return Err(now + LEASE);
        }
        let quiet_at = inner.active_at + GATHER;
        if inner.in_flight() == 0 || self.idle_at == Some(inner.activity) {
            return Err(inner.expires_at);
        }
        if now < quiet_at {
            return Err(quiet_at.min(inner.expires_at));
        }
        self.idle_at = Some(inner.activity);
        Ok(Asked::Idle { delivered: self.delivered })
    }

    /// The holder has begun, and that is on the disk.
    pub(in crate::executor) fn started(&mut self) {
        let mut inner = self.lease.lock();
        if inner.stage == Stage::Claimed {
            inner.stage = Stage::Started;
        }
        self.lease.tell(inner);
    }

    /// A mark is on the disk.
    pub(in crate::executor) fn marked(&mut self, id: &str) {
        let mut inner = self.lease.lock();
        inner.mark_stored(id);
        self.lease.tell(inner);
    }

    /// Gives the holder the outcome of a call.
    pub(in crate::executor) fn answer(&mut self, call: u32, outcome: &Outcome) {
        self.delivered += 1;
        let mut inner = self.lease.lock();
        inner.settle(call, outcome);
        inner.active(self.lease.0.env.now());
        self.lease.tell(inner);
    }

    /// From now on nothing that the holder says is heard.
    pub(in crate::executor) fn silence(&mut self) {
        let mut inner = self.lease.lock();
        inner.queue.clear();
        if !matches!(inner.stage, Stage::Over(_)) {
            inner.stage = Stage::Ending;
        }
        self.lease.tell(inner);
    }

    /// Why the run fails, for the holder to read.
    pub(in crate::executor) fn fails(&mut self, failure: &Failure) {
        self.lease.lock().failure.get_or_insert_with(|| (failure.code.clone(), failure.message.clone()));
    }

    /// What the run is going to sleep on.
    pub(in crate::executor) fn waits(&mut self, waits: BTreeMap<u32, Waiting>) {
        self.lease.lock().waits = waits;
    }

    /// Whether the holder gave the run back.
    pub(in crate::executor) fn has_released(&self) -> bool {
        self.released
    }

    /// The attempt has come to its end; the lease is over.
    pub(in crate::executor) fn over(&mut self, mut over: Over) {
        let mut inner = self.lease.lock();
        if !matches!(inner.stage, Stage::Over(_)) {
            if let Over::Ended { failure, .. } = &mut over {
                *failure = inner.failure.take();
            }
            inner.stage = Stage::Over(over);
        }
        self.lease.tell(inner);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.over(Over::Broken);
    }
}
