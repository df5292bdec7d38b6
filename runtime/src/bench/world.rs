//! A whole Steward in a folder that is thrown away: store, jail, tools and executor, without a server around them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::Actor;
use anyhow::Context;
use connectors::egress::{Egress, EgressSettings, HostPort};
use connectors::email::Mail;
use connectors::vault::{MasterKeySource, Vault};
use connectors::{Catalogue, Dependencies};
use intents::id::{AutomationId, TriggerId};
use sandbox::Jail;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::place::Place;
use crate::env::Env;
use crate::executor::{Executor, Services};
use crate::router;
use crate::store::{Import, Keys, NewTrigger, Store};

/// The service on this machine is not to be spared.
const UNHURRIED: NonZeroU32 = NonZeroU32::new(1_000_000).expect("not zero");

/// As many runs at once as the largest load wants.
const ATTEMPTS_MAX: usize = 64;

/// Everything that carries runs out.
pub(super) struct World {
    pub(super) store: Store,
    folder: TempDir,
    place: Place,
    routing: JoinHandle<()>,
}

/// An automation that was brought in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Imported {
    pub(super) automation: AutomationId,
    pub(super) trigger: TriggerId,
}

/// Starts the warm process of the sandbox: this program in another role.
pub(super) fn jail() -> anyhow::Result<Jail> {
    let program = std::env::current_exe().context("this program could not be found")?;
    Jail::start(&program).context("the sandbox could not be started")
}

/// The keys of a store: what is thrown away needs no secret ones.
pub(super) fn keys() -> Keys {
    Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] }
}

/// A folder that is thrown away.
pub(super) fn folder() -> anyhow::Result<TempDir> {
    tempfile::Builder::new().prefix("steward-bench-").tempdir().context("no folder could be made")
}

impl World {
    /// Starts everything; runs may call the service. Called on a thread where actors can live.
    pub(super) async fn start(service: SocketAddr, place: Place) -> anyhow::Result<Self> {
        let folder = folder()?;
        let env = Env::real();
        let jail = jail()?;
        let store = place.open(&folder.path().join("store"), &env).await?;
        let vault_folder = folder.path().join("vault");
        std::fs::create_dir(&vault_folder)?;
        let vault = Vault::open(&vault_folder, &MasterKeySource::KeyFile(vault_folder.join("master.key")))?;
        let settings = EgressSettings { requests_per_second: UNHURRIED, burst: UNHURRIED, ..EgressSettings::default() };
        let catalogue = Catalogue::new(Dependencies {
            egress: Arc::new(Egress::new(settings)?),
            vault: Arc::new(vault),
            mail: Mail::Outbox(folder.path().join("outbox")),
        })?;
        let hosts = vec![HostPort::new(&service.ip().to_string(), service.port())];
        let services = Services::new(env.clone(), store.clone(), Arc::new(catalogue), jail).with_private_hosts(hosts);
        let (changed, places) = watch::channel(0);
        let executor = Executor::new(services, ATTEMPTS_MAX, changed).start();
        let routing = tokio::spawn(router::route(env, store.clone(), executor, places));
        Ok(Self { store, folder, place, routing })
    }

    /// Brings an automation in that has one trigger, which lets its runs overlap.
    pub(super) async fn import(&self, name: &str, contract: &Value, script: &str) -> anyhow::Result<Imported> {
        let import = Import {
            name: name.to_owned(),
            title: name.to_owned(),
            contract: intents::canonical::to_string(contract),
            program: script.into(),
            triggers: vec![NewTrigger {
                kind: "manual",
                body: intents::canonical::to_string(&json!({ "manual": true, "overlap": "allow" })),
                next_at: None,
            }],
            by: "bench".to_owned(),
            shadow: false,
        };
        let automation = self.store.import(import).await?.id;
        let triggers = self.store.triggers_of(automation).await?;
        let trigger = triggers.first().context("the automation has lost its trigger")?.id;
        Ok(Imported { automation, trigger })
    }

    /// The file of the database.
    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("store").join("steward.db")
    }

    /// What the store has written, in bytes, where it is in files of ours.
    pub(super) fn bytes_on_disk(&self) -> Option<u64> {
        match self.place {
            Place::Folder => {}
            Place::Database(_) => return None,
        }
        let size = |file: &Path| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        Some(size(&self.database()) + size(&self.database().with_extension("db-wal")))
    }
}

impl World {
    /// Throws away what is not in the folder.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.routing.abort();
        self.place.clear().await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.routing.abort();
    }
}
