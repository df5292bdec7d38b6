//! What attempts share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::Catalogue;
use connectors::egress::HostPort;
use intents::contract::Contract;
use intents::failure::TransientPolicy;
use intents::id::ContractId;
use intents::tool::Definition;
use sandbox::{Jail, Limits};

use super::breakers::Breakers;
use super::context::Trouble;
use super::in_flight::Table;
use super::tools::Tools;
use crate::env::Env;
use crate::store::Store;
use crate::telemetry::metrics::Meter;
use crate::telemetry::traces::Tracer;

/// What attempts share; clones share everything.
#[derive(Clone)]
pub struct Services {
    pub(super) env: Env,
    pub(super) store: Store,
    pub(super) tools: Tools,
    pub(super) jail: Jail,
    pub(super) limits: Limits,
    pub(super) transient: TransientPolicy,
    pub(super) private_hosts: Arc<Vec<HostPort>>,
    pub(super) in_flight: Table,
    pub(super) breakers: Breakers,
    pub(super) meter: Meter,
    pub(super) tracer: Tracer,
    vocabulary: Arc<Vec<Definition>>,
    contracts: Arc<Mutex<HashMap<ContractId, Arc<Contract>>>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

/// Contracts that are kept parsed; a server with more active automations parses some again.
const CONTRACTS_MAX: usize = 1024;

impl Services {
    /// Gathers what attempts share.
    pub fn new(env: Env, store: Store, catalogue: Arc<Catalogue>, jail: Jail) -> Self {
        Self {
            meter: Meter::new(catalogue.definitions().map(|definition| &definition.name), false),
            tracer: Tracer::off(),
            vocabulary: Arc::new(catalogue.definitions().cloned().collect()),
            tools: Tools::new(catalogue),
            env,
            store,
            jail,
            limits: Limits::default(),
            transient: TransientPolicy::default(),
            private_hosts: Arc::default(),
            in_flight: Table::default(),
            breakers: Breakers::default(),
            contracts: Arc::default(),
        }
    }

    /// Changes what one attempt may use.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Tells what happens to this meter and this tracer.
    #[must_use]
    pub fn told_to(mut self, meter: Meter, tracer: Tracer) -> Self {
        (self.meter, self.tracer) = (meter, tracer);
        self
    }

    /// Names hosts that may be called although their addresses are private.
    #[must_use]
    pub fn with_private_hosts(mut self, hosts: Vec<HostPort>) -> Self {
        self.private_hosts = Arc::new(hosts);
        self
    }

    /// A version of a contract, parsed.
    pub(super) async fn contract(&self, id: ContractId) -> Result<Arc<Contract>, Trouble> {
        if let Some(contract) = self.contracts.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Ok(Arc::clone(contract));
        }
        let version = self.store.contract(id).await?;
        let contract = Contract::parse(&version.body, self.vocabulary.as_ref()).map_err(|problems| {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            Trouble::Broken {
                code: "CONTRACT_UNREADABLE",
                reason: format!("the contract {id} no longer parses: {first}"),
            }
        })?;
        let contract = Arc::new(contract);
        let mut kept = self.contracts.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= CONTRACTS_MAX {
            kept.clear();
        }
        kept.insert(id, Arc::clone(&contract));
        Ok(contract)
    }
}
