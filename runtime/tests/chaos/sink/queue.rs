//! Which connections are open, in the order in which they came.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The open connections, by who opened them, each with its number.
#[derive(Default)]
pub(super) struct Queue {
    open: Mutex<(u64, BTreeMap<SocketAddr, u64>)>,
    changed: Condvar,
}

impl Queue {
    /// A connection was taken.
    pub(super) fn enter(&self, peer: SocketAddr) {
        let mut open = self.lock();
        let number = open.0;
        open.0 += 1;
        open.1.insert(peer, number);
        self.changed.notify_all();
    }

    /// It is over.
    pub(super) fn leave(&self, peer: SocketAddr) {
        self.lock().1.remove(&peer);
        self.changed.notify_all();
    }

    /// Waits until a connection is taken and all that came before it are over.
    pub(super) fn wait_for_turn(&self, peer: SocketAddr) {
        let mut open = self.lock();
        while !open.1.get(&peer).is_some_and(|mine| open.1.values().all(|other| other >= mine)) {
            open = self.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<SocketAddr, u64>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
