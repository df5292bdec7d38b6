//! All leases: those that last, and for a while those that are over.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use intents::id::{EngineTokenId, RunId};

use crate::executor::outside::Lease;

/// Leases that are over are known this long, so that a holder whose answer was lost can ask how its run ended.
const PAST_MAX: usize = 256;

/// All leases; clones share everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    lasting: Vec<Lease>,
    past: VecDeque<Lease>,
}

impl Known {
    /// Puts aside what is over.
    fn sort(&mut self) {
        for lease in self.lasting.extract_if(.., |lease| lease.over().is_some()) {
            lease.forget();
            self.past.push_front(lease);
        }
        self.past.truncate(PAST_MAX);
    }
}

impl Leases {
    pub(super) fn add(&self, lease: Lease) {
        let mut known = self.lock();
        known.sort();
        known.lasting.push(lease);
    }

    /// The lease of a run that is held with this secret and this token.
    pub(super) fn find(&self, run: RunId, token: EngineTokenId, secret: &str) -> Option<Lease> {
        let mut known = self.lock();
        known.sort();
        let held = |lease: &&Lease| lease.run() == run && lease.token() == token && lease.is_held_with(secret);
        known.lasting.iter().chain(&known.past).find(held).cloned()
    }

    /// The leases that last.
    pub(super) fn lasting(&self) -> Vec<Lease> {
        let mut known = self.lock();
        known.sort();
        known.lasting.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
