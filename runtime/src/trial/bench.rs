//! What all executions of a trial share.

use std::sync::Arc;

use connectors::Catalogue;
use intents::Timestamp;
use intents::canonical::Digest;
use intents::contract::Contract;
use intents::id::{AutomationId, ItemId, RunId};
use intents::journal::Pins;
use sandbox::{Jail, Limits};

use crate::env::Env;
use crate::executor::tools::Tools;

/// The name that scripts have in what is said about them.
const SCRIPT_NAME: &str = "script.js";

/// Executions of each check on each case. Beyond, a sample is drawn: enough that a fault at one call in a hundred is found.
const EXECUTIONS_MAX: usize = 600;

/// A script under a contract, with what it takes to execute it.
pub struct Bench {
    pub(super) env: Env,
    pub(super) jail: Jail,
    pub(super) tools: Tools,
    pub(super) limits: Limits,
    pub(super) contract: Arc<Contract>,
    pub(super) script: String,
    pub(super) granted: Vec<String>,
    /// What chance is drawn from in this trial.
    pub(super) seed: Digest,
    pub(super) pins: Pins,
    /// Executions of each check on each case.
    pub(super) executions_max: usize,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

impl Bench {
    /// Lays a script out for its trial. The same script under the same contract is tried in the same way.
    pub fn new(env: Env, jail: Jail, catalogue: Arc<Catalogue>, contract: Arc<Contract>, script: String) -> Self {
        let digest = Digest::of(script.as_bytes());
        let pins = sandbox::pins();
        let mut granted: Vec<_> =
            contract.capabilities().iter().map(|capability| capability.tool.to_string()).collect();
        granted.sort();
        granted.dedup();
        Self {
            seed: Digest::of_parts("steward trial 1", &[contract.digest().as_bytes(), digest.as_bytes()]),
            pins: Pins { engine: pins.engine, prelude: pins.prelude, tzdata: pins.tzdata.to_owned(), script: digest },
            tools: Tools::new(catalogue),
            limits: Limits::default(),
            executions_max: EXECUTIONS_MAX,
            env,
            jail,
            contract,
            script,
            granted,
        }
    }

    /// Changes what one attempt may use.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Changes how many executions each check may take on each case; beyond, it draws a sample.
    #[must_use]
    pub fn with_executions_max(mut self, most: usize) -> Self {
        self.executions_max = most;
        self
    }

    pub(super) fn script_name() -> &'static str {
        SCRIPT_NAME
    }

    /// The automation of the simulation.
    pub(super) fn automation(&self) -> AutomationId {
        AutomationId::from_parts(Timestamp::EPOCH, 1)
    }

    /// The nth run of the simulation, about an item of its own.
    pub(super) fn run(&self, nth: u32) -> (RunId, ItemId) {
        let number = u128::from(nth) + 1;
        (RunId::from_parts(Timestamp::EPOCH, number), ItemId::from_parts(Timestamp::EPOCH, number))
    }

    /// What the nth run draws its chance from.
    pub(super) fn seed_of(&self, nth: u32) -> Digest {
        Digest::of_parts("steward trial run 1", &[self.seed.as_bytes(), &nth.to_be_bytes()])
    }
}
