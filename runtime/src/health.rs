//! Which parts of the server work, as people and load balancers ask for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
pub struct Health(Arc<Mutex<BTreeMap<String, Condition>>>);

impl Health {
    /// Notes how a part is.
    pub fn set(&self, part: &str, condition: Condition) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned(), condition);
    }

    /// Every part with its condition.
    pub fn parts(&self) -> BTreeMap<String, Condition> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether some part does not work.
    pub fn is_degraded(&self) -> bool {
        self.parts().values().any(|condition| match condition {
            Condition::Working => false,
            Condition::Restarting { .. } | Condition::GaveUp { .. } => true,
        })
    }
}
