//! Which connections are open, in the order in which they came.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The open connections by their numbers, and who opened each. A number is given once; an address may come again before
/// the connection that had it is over.
#[derive(Default)]
pub(super) struct Queue {
    open: Mutex<(u64, BTreeMap<u64, SocketAddr>)>,
    changed: Condvar,
}

impl Queue {
    /// A connection was taken; it gets a number.
    pub(super) fn enter(&self, peer: SocketAddr) -> u64 {
        let mut open = self.lock();
        let number = open.0;
        open.0 += 1;
        open.1.insert(number, peer);
        self.changed.notify_all();
        number
    }

    /// It is over.
    pub(super) fn leave(&self, number: u64) {
        self.lock().1.remove(&number);
        self.changed.notify_all();
    }

    /// The number of the next connection.
    pub(super) fn next(&self) -> u64 {
        self.lock().0
    }

    /// Waits until a connection from this address, with this number or a later one, is taken and all that came before it are
    /// over. It may be over by then itself: what came before may be silent for as long as it.
    pub(super) fn wait_for_turn(&self, peer: SocketAddr, from: u64) {
        let mut open = self.lock();
        let mut own = None;
        loop {
            own = own.or_else(|| open.1.range(from..).find(|(_, of)| **of == peer).map(|(number, _)| *number));
            if own.is_some_and(|own| open.1.range(..own).next().is_none()) {
                return;
            }
            open = self.changed.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, SocketAddr>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
