//! Effects that are on their way at this moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use intents::Timestamp;
use intents::id::{AutomationId, RunId};

/// An effect that was started and has no outcome yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Whose effect it is.
    pub automation: AutomationId,
    /// The run that performs it.
    pub run: RunId,
    /// The number of the call.
    pub call: u32,
    /// The tool.
    pub tool: String,
    /// The key in words.
    pub key: String,
    /// Since when.
    pub started_at: Timestamp,
}

/// All effects on their way; clones share everything.
#[derive(Debug, Clone, Default)]
pub(super) struct Table(Arc<Mutex<BTreeMap<(RunId, u32), InFlight>>>);

impl Table {
    pub(super) fn add(&self, effect: InFlight) {
        self.lock().insert((effect.run, effect.call), effect);
    }

    pub(super) fn remove(&self, run: RunId, call: u32) {
        self.lock().remove(&(run, call));
    }

    pub(super) fn remove_run(&self, run: RunId) {
        self.lock().retain(|(of, _), _| *of != run);
    }

    pub(super) fn list(&self, automation: Option<AutomationId>) -> Vec<InFlight> {
        let wanted = |effect: &&InFlight| automation.is_none_or(|automation| effect.automation == automation);
        self.lock().values().filter(wanted).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(RunId, u32), InFlight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
