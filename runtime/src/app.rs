//! The running server: everything that its faces and actors share.

use std::sync::Arc;

use connectors::Catalogue;
use connectors::vault::Vault;
use sandbox::Jail;
use tokio::sync::Semaphore;

use crate::chat::Live;
use crate::config::Config;
use crate::engine::Engines;
use crate::env::Env;
use crate::executor::Control;
use crate::health::Health;
use crate::maintainer;
use crate::models::Models;
use crate::notify::Desk;
use crate::planner::Door;
use crate::store::Store;
use crate::telemetry::log::Log;
use crate::telemetry::metrics::Meter;
use crate::telemetry::traces::Tracer;

/// What the faces and actors of one server share.
#[derive(Clone)]
pub struct App {
    /// How it was configured.
    pub config: Arc<Config>,
    /// Time and chance.
    pub env: Env,
    /// The truth.
    pub store: Store,
    /// The tools.
    pub catalogue: Arc<Catalogue>,
    /// The secrets.
    pub vault: Arc<Vault>,
    /// The models.
    pub models: Models,
    /// Where notifications are written.
    pub notify: Desk,
    /// Where scripts run.
    pub jail: Jail,
    /// Which parts work.
    pub health: Health,
    /// Where engines outside get their work.
    pub engines: Engines,
    /// Stops attempts that are under way.
    pub control: Control,
    /// The way to the planner.
    pub planner: Door,
    /// The way to the maintainer.
    pub maintainer: maintainer::Door,
    /// What is happening in conversations at this moment.
    pub live: Live,
    /// What is counted.
    pub meter: Meter,
    /// Places for trials: each keeps a processor busy, and runs must not wait for them.
    pub trials: Arc<Semaphore>,
    /// Where traces go, if anywhere.
    pub tracer: Tracer,
    /// The log of this process, where the server has one of its own.
    pub log: Option<Log>,
}
