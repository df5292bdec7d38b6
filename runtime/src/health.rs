//! Which parts of the server work, as people and load balancers ask for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It works.
    Working,
    /// It died and is being started again.
    Restarting {
        /// How often it died lately.
        deaths: u32,
        /// What it died of.
        reason: String,
    },
    /// It died too often; a person is asked.
    GaveUp {
        /// What it died of.
        reason: String,
    },
}

/// The parts of the server with their conditions; clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    parts: Mutex<BTreeMap<String, Condition>>,
    ending: AtomicBool,
    golden: Mutex<Option<String>>,
}

impl Health {
    /// Notes how a part is.
    pub fn set(&self, part: &str, condition: Condition) {
        self.lock().insert(part.to_owned(), condition);
    }

    /// Every part with its condition.
    pub fn parts(&self) -> BTreeMap<String, Condition> {
        self.lock().clone()
    }

    /// Notes what the check of golden runs found at the start.
    pub fn set_golden(&self, line: String) {
        *self.0.golden.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    /// What the check of golden runs found at the start after an upgrade; none when there was nothing to check.
    pub fn golden(&self) -> Option<String> {
        self.0.golden.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The server ends: a part that stops from now on has done its work.
    pub fn end(&self) {
        self.0.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the server ends.
    pub fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Condition>> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether some part does not work.
    pub fn is_degraded(&self) -> bool {
        self.parts().values().any(|condition| match condition {
            Condition::Working => false,
            Condition::Restarting { .. } | Condition::GaveUp { .. } => true,
        })
    }
}
