//! Rows that are read with every run and change seldom, kept in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows of one kind that are kept; more automations than this have some of theirs read again.
const KEPT_MAX: usize = 4096;

/// What was read, by key. A change forgets it after its commit, so what is kept is what was committed last.
#[derive(Debug)]
pub(super) struct Kept<K, V>(Mutex<Rows<K, V>>);

#[derive(Debug)]
struct Rows<K, V> {
    rows: HashMap<K, V>,
    /// Counts the changes: what was read before one is not kept after it.
    changes: u64,
}

/// When something was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u64);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Rows { rows: HashMap::new(), changes: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn rows(&self) -> MutexGuard<'_, Rows<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept under a key; or else the moment, to be given back with what the database says.
    pub(super) fn get(&self, key: &K) -> Result<V, Moment> {
        let kept = self.rows();
        kept.rows.get(key).cloned().ok_or(Moment(kept.changes))
    }

    /// Keeps what was read since a moment, unless something has changed meanwhile.
    pub(super) fn keep(&self, key: K, value: V, since: Moment) {
        let mut kept = self.rows();
        if kept.changes != since.0 {
            return;
        }
        if kept.rows.len() >= KEPT_MAX {
            kept.rows.clear();
        }
        kept.rows.insert(key, value);
    }

    /// Forgets what a commit has changed.
    pub(super) fn forget(&self, key: &K) {
        let mut kept = self.rows();
        kept.changes += 1;
        kept.rows.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let kept = Kept::default();
        let before = kept.get(&"a").unwrap_err();
        kept.keep("a", 1, before);
        assert_eq!(kept.get(&"a"), Ok(1));
        let slow = kept.get(&"b").unwrap_err();
        kept.forget(&"a");
        kept.keep("b", 1, slow);
        assert!(kept.get(&"a").is_err() && kept.get(&"b").is_err());
        let after = kept.get(&"b").unwrap_err();
        kept.keep("b", 2, after);
        assert_eq!(kept.get(&"b"), Ok(2));
    }
}
