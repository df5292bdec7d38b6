//! What the writer remembers between commits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use intents::canonical::Digest;
use intents::effect::{Gap, State};
use intents::id::{AutomationId, RoomId, RunId};

use crate::store::rows::effect;

/// The head of one event stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Head {
    pub(in crate::store) seq: i64,
    pub(in crate::store) hash: Digest,
}

/// What the writer remembers between commits. Changed only after one.
pub(in crate::store) struct Memory {
    /// The last event's position.
    pub(in crate::store) position: i64,
    /// The chain over all events, as the anchor signs it.
    pub(in crate::store) chain: Digest,
    pub(in crate::store) heads: HashMap<RoomId, Head>,
    /// The last event whose chain others may sign.
    pub(in crate::store) anchor: tokio::sync::watch::Sender<(i64, Digest)>,
    /// Effects that are on their way, as the ledger has them: whoever settles one need not read it again.
    pub(in crate::store) started: HashMap<Digest, effect::Model>,
    /// Automations whose effects may not start.
    pub(in crate::store) stopped: BTreeSet<AutomationId>,
    pub(in crate::store) all_stopped: bool,
    /// Runs that have asked for approvals of which something may still come.
    pub(in crate::store) asking: BTreeSet<RunId>,
    /// Automations whose ledger may have forgotten something.
    pub(in crate::store) cautions: BTreeMap<AutomationId, Gap>,
}

/// Effects on their way that are remembered: more than there are places for runs. Others are read again.
const STARTED_MAX: usize = 1024;

impl Memory {
    pub(super) fn remember_effect(&mut self, identity: Digest, effect: effect::Model) {
        if effect.state != State::Started.as_str() {
            self.started.remove(&identity);
            return;
        }
        if self.started.len() >= STARTED_MAX {
            self.started.clear();
        }
        self.started.insert(identity, effect);
    }
}
