//! What an attempt needs to know of its run.

use std::sync::Arc;

use connectors::Folder;
use connectors::egress::HostPort;
use intents::canonical::Digest;
use intents::contract::Contract;
use intents::id::RunId;
use intents::journal::{Pins, Record};
use intents::label::Labels;
use intents::shadow::may_go_on;

use super::Services;
use super::grants;
use crate::store::{self, Automation, Item, Loaded, Program, Run, ScriptVersion};
use crate::telemetry::traces::TraceIds;

/// Why an attempt cannot go on, beside what its script and its calls lead to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The jail cannot start an attempt.
    #[error("the sandbox cannot start: {reason}")]
    Jail {
        /// What it said.
        reason: String,
    },
    /// The script or its input is none that a sandbox takes.
    #[error("{reason}")]
    Unfit {
        /// A stable code with a page in `docs/errors`.
        code: &'static str,
        /// What does not fit.
        reason: String,
    },
    /// What is stored cannot be worked with.
    #[error("{reason}")]
    Broken {
        /// A stable code with a page in `docs/errors`.
        code: &'static str,
        /// What does not work.
        reason: String,
    },
}

/// A run with everything that its attempt needs.
pub(super) struct Context {
    pub(super) run: Run,
    pub(super) automation: Automation,
    pub(super) item: Arc<Item>,
    pub(super) script: ScriptVersion,
    /// The contract that the run began under.
    pub(super) own: Arc<Contract>,
    /// The contract in force, when it is another: the run may do only what both allow.
    pub(super) current: Option<Arc<Contract>>,
    pub(super) records: Vec<Record>,
    /// The journal of the failed run in whose place this one goes on after a repair.
    pub(super) resumes: Vec<Record>,
    pub(super) folders: Vec<Folder>,
    pub(super) private_hosts: Vec<HostPort>,
    /// Where the data came from that the run has read before.
    pub(super) labels: Labels,
    /// Where the attempt is in a trace, if it is traced.
    pub(super) trace: Option<TraceIds>,
}

impl Context {
    /// Loads a run; none when it is not to run now.
    pub(super) async fn load(services: &Services, id: RunId) -> Result<Option<Self>, Trouble> {
        let store = &services.store;
        let Loaded { run, item, journal } = store.load(id).await?;
        let automation = store.automation(&run.automation.to_string()).await?;
        let ready = run.phase == intents::run::Phase::Queued
            && automation.mode.works()
            && may_go_on(run.shadow, automation.shadow);
        if !ready || store.all_stopped().await? {
            return Ok(None);
        }
        let script = store.script(run.script).await?;
        let own = services.contract(run.contract).await?;
        let current = if automation.contract == run.contract {
            None
        } else {
            Some(services.contract(automation.contract).await?)
        };
        let records = journal.records;
        // Only a further run of an item goes on in the place of another.
        let first = intents::id::RunId::from_ulid(run.item.ulid()) == run.id;
        let resumed = if first { None } else { store.resumed_from(&run).await? };
        // What one that went on itself got back is older than its journal says: it is all read anew.
        let resumed = match resumed {
            Some(failed) if store.resumed_from(&store.run(failed).await?).await?.is_some() => None,
            resumed => resumed,
        };
        let resumes = match resumed {
            None => Vec::new(),
            Some(failed) => match store.journal(failed).await {
                Ok(journal) => journal.records,
                // What was erased is read again.
                Err(store::Error::Sealed { .. } | store::Error::NotFound { .. }) => Vec::new(),
                Err(error) => return Err(error.into()),
            },
        };
        let settings = store.settings().await?;
        let mut labels = item.labels.clone();
        for record in &records {
            if let Record::Settled { labels: read, .. } | Record::Reread { labels: read, .. } = record {
                labels.extend(read.iter().cloned());
            }
        }
        let folders = grants::folders(&settings);
        let private_hosts = grants::private_hosts(&settings, &services.private_hosts);
        Ok(Some(Self {
            run,
            automation,
            item,
            script,
            own,
            current,
            records,
            resumes,
            folders,
            private_hosts,
            labels,
            trace: None,
        }))
    }

    /// What the run executes with from now on.
    pub(super) fn pins(&self) -> Pins {
        let pins = sandbox::pins();
        let script = self.script.program.digest();
        match &self.script.program {
            Program::Script(_) => {
                Pins { engine: pins.engine, prelude: pins.prelude, tzdata: pins.tzdata.to_owned(), script }
            }
            // Of what runs outside nothing is known but its name.
            Program::Outside(engine) => Pins {
                engine: format!("outside:{engine}"),
                prelude: Digest::of(b""),
                tzdata: pins.tzdata.to_owned(),
                script,
            },
        }
    }

    /// The tools that the contract grants, as the script sees them.
    pub(super) fn tools(&self) -> Vec<String> {
        let mut names: Vec<_> = self.own.capabilities().iter().map(|capability| capability.tool.to_string()).collect();
        names.sort();
        names.dedup();
        names
    }
}
