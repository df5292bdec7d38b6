//! Puts a server together: the jail before any key, then the vault, the store, the tools, and the actors over them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use connectors::egress::{Egress, EgressSettings, TraceReach};
use connectors::vault::Vault;
use connectors::{Catalogue, Dependencies};
use sandbox::Jail;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::app::App;
use crate::chat::Live;
use crate::config::Config;
use crate::engine::Engines;
use crate::env::Env;
use crate::executor::{Control, Executor, Services};
use crate::golden::{self, Grounds};
use crate::health::Health;
use crate::hub::Hub;
use crate::janitor::{Backups, start_janitor};
use crate::maintainer::{self, Maintainer};
use crate::models::{self, Models};
use crate::notify::{Desk, start_notifier};
use crate::planner::{Door, Planner};
use crate::router;
use crate::scheduler::start_scheduler;
use crate::store::{Keys, Store, Tell};
use crate::supervisor::{Escalation, NeedsOfParts, supervise, supervise_task};
use crate::telemetry::metrics::Meter;
use crate::telemetry::traces::Tracer;
use crate::watch::start_watcher;

/// The parts let go of the store at once, a long query when it is done; nobody has to wait for more than this.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// Each trial keeps a processor busy for seconds; more at once would only make all of them late.
const TRIALS_AT_ONCE: usize = 2;

/// Which parts of a server work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Whether triggers fire: not in the server that a command starts for itself.
    pub triggers: bool,
}

/// A running server, without its faces.
pub struct Server {
    /// What its faces share.
    pub app: App,
    /// The live event streams.
    pub hub: Hub,
    tasks: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

/// Starts a server. Called on an actix system; what ran when the last one ended goes on. On a database that several
/// servers can reach, waits until this one is the active one, as long as `tell` says so.
pub async fn start(config: Config, env: Env, parts: Parts, tell: &Tell) -> anyhow::Result<Server> {
    crate::backup::refuse_unfinished(&config.home)?;
    // The warm process is forked off while there is nothing in this one that a script must not see.
    let jail = Jail::start(&own_program()?)?;
    let vault = Arc::new(Vault::open(&config.home, &config.master_key)?);
    let keys = Keys::of(&vault);
    let store = match config.store.postgres() {
        None => Store::open(&config.home, env.clone(), keys).await?,
        Some(postgres) => {
            let store = Store::open_postgres(&config.home, &postgres, env.clone(), keys, tell).await?;
            // While this server stood by, the one before may have been given secrets.
            vault.refresh()?;
            store
        }
    };
    let trace = TraceReach::of(&config.telemetry.propagate_to);
    let egress = Arc::new(Egress::new(EgressSettings { trace, ..config.egress.clone() })?);
    let tracer = Tracer::start(&config.telemetry, &egress, &env);
    let notify = Desk::new(&env, &store, &vault, &egress, &config.mail, config.server.listen)?;
    let dependencies =
        Dependencies { egress: Arc::clone(&egress), vault: Arc::clone(&vault), mail: config.mail.clone() };
    let models = Models::open(env.clone(), store.clone(), Arc::clone(&vault), egress).await?;
    let mut catalogue = Catalogue::new(dependencies)?;
    models::register(&mut catalogue, &models)?;
    let catalogue = Arc::new(catalogue);
    let health = Health::default();
    let escalation: Arc<dyn Escalation> = Arc::new(NeedsOfParts(store.clone()));

    let lost = store.recover_runs().await?;
    if lost > 0 {
        tracing::info!(runs = lost, "runs that were under way go on");
    }
    let tools = catalogue.definitions().map(|definition| &definition.name);
    let meter = Meter::new(tools, config.metrics.by_automation);
    let services = Services::new(env.clone(), store.clone(), Arc::clone(&catalogue), jail.clone())
        .with_limits(config.limits.of_attempts())
        .told_to(meter.clone(), tracer.clone());
    // Before anything runs: what this version would do is what the one before did.
    let grounds = Grounds {
        env: env.clone(),
        store: store.clone(),
        jail: jail.clone(),
        catalogue: Arc::clone(&catalogue),
        limits: config.limits.of_attempts(),
    };
    let longest = Duration::from_secs(config.limits.golden_seconds.into());
    let left = match golden::check_at_start(&grounds, longest).await? {
        Some((summary, left)) => {
            tracing::info!("golden runs after the upgrade: {}", summary.line());
            health.set_golden(summary.line());
            left
        }
        None => Vec::new(),
    };
    let (places, places_seen) = watch::channel(0);
    let runs_at_once = usize::from(config.limits.runs_at_once.get());
    let places_of_engines = places_seen.clone();
    let executor = supervise("executor", &env, &health, &escalation, {
        let services = services.clone();
        move |_| Executor::new(services, runs_at_once, places)
    });
    let mut tasks = vec![supervise_task("router", &env, &health, &escalation, {
        let (env, store, executor) = (env.clone(), store.clone(), executor.clone());
        move || router::route(env.clone(), store.clone(), executor.clone(), places_seen.clone())
    })];
    if !left.is_empty() {
        tasks.push(tokio::spawn(golden::go_on(grounds, left)));
    }
    if parts.triggers {
        tasks.push(start_scheduler(&store, &env, &health, &escalation));
        tasks.push(start_watcher(&store, &env, &health, &escalation));
        tasks.push(start_notifier(&notify, &env, &health, &escalation));
        tasks.push(start_janitor(&store, &env, &health, &escalation, config.retention, {
            let (config, vault, env) = (Arc::new(config.clone()), Arc::clone(&vault), env.clone());
            move || Backups::planned(&config, &vault, env.now())
        }));
    }
    let hub = Hub::new(&store);
    let control = Control::new(executor, &services);
    let engines = Engines::open(env.clone(), store.clone(), control.clone(), places_of_engines).await?;
    let app = App {
        config: Arc::new(config),
        env,
        store,
        catalogue,
        vault,
        models,
        notify,
        jail,
        health,
        engines,
        control,
        planner: Door::default(),
        maintainer: maintainer::Door::default(),
        live: Live::default(),
        meter,
        trials: Arc::new(Semaphore::new(TRIALS_AT_ONCE)),
        tracer,
        log: None,
    };
    app.planner.open(supervise("planner", &app.env, &app.health, &escalation, {
        let app = app.clone();
        move |_| Planner::new(app, parts.triggers)
    }));
    app.maintainer.open(supervise("maintainer", &app.env, &app.health, &escalation, {
        let app = app.clone();
        move |_| Maintainer::new(app, parts.triggers)
    }));
    Ok(Server { app, hub, tasks })
}

/// This very program, even when its file was replaced meanwhile.
pub(crate) fn own_program() -> anyhow::Result<PathBuf> {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() {
        return Ok(running);
    }
    std::env::current_exe().context("this program does not know where it is")
}

impl Server {
    /// Takes no new work, and gives back what is under way, within a bound. The faces go on answering.
    pub async fn rest(&self) {
        for task in &self.tasks {
            task.abort();
        }
        self.app.planner.close().await;
        self.app.maintainer.close().await;
        self.app.models.end();
        self.app.control.end().await;
    }

    /// Ends the server: nothing new starts, what is under way is given back, the last events are anchored, and the store
    /// is closed.
    pub async fn shutdown(self) {
        self.rest().await;
        if let Err(error) = self.app.store.anchor().await {
            tracing::warn!(%error, "the last events could not be anchored; the next start looks at them");
        }
        self.app.tracer.end().await;
        let Self { app, hub, tasks } = self;
        for task in tasks {
            // It was told to end; that it did is all there is to know.
            drop(task.await);
        }
        // What holds the store goes, part by part: an actor when nobody has its address any more.
        app.health.end();
        let store = app.store.clone();
        drop((app, hub));
        if tokio::time::timeout(CLOSE_WITHIN, store.close()).await.is_err() {
            tracing::warn!("something still uses the store; what is left to tidy up there, the next start does");
        }
    }
}
