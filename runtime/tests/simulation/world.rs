//! A whole Steward in a box: the real store, jail and executor, over a world that can be made to go wrong.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use connectors::Catalogue;
use futures_util::future::join_all;
use intents::Timestamp;
use intents::effect::State;
use intents::id::RunId;
use intents::label::Labels;
use intents::need::{Choice, Kind as NeedKind, Nth};
use runtime::env::{Env, FaultPoint};
use runtime::executor::{Services, carry_out};
use runtime::store::{
    Delivered, Delivery, Effect, Finish, Import, Keys, NeedStatus, Postgres, Progress, Run, StateWrite, Store,
};
use sandbox::Jail;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::outside::Outside;
use crate::postgres;
use crate::time::{DieAt, FastClock, Seeded};

/// The jail, started once for all tests of this binary.
pub(crate) fn jail() -> Jail {
    static JAIL: OnceLock<Jail> = OnceLock::new();
    JAIL.get_or_init(|| Jail::start(Path::new(env!("CARGO_BIN_EXE_steward"))).unwrap()).clone()
}

/// More turns than any story needs: beyond, it goes round in circles.
const TURNS_MAX: u32 = 500;

/// Longer than any pause: no story here is about two servers.
const LEASE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    folder: TempDir,
    /// The database, where it is not in the folder.
    postgres: Option<Postgres>,
    pub(crate) outside: Outside,
    clock: Arc<FastClock>,
    seed: u64,
    contract: Value,
    script: String,
    disorder: Option<Arc<Seeded>>,
    /// A place of the state that another run changes as soon as this one sleeps.
    overtaken: Option<String>,
    /// What the person was asked.
    pub(crate) asked: Vec<(NeedKind, String)>,
    /// What the person says when asked for a yes.
    pub(crate) consents: bool,
    /// Which option the person chooses when a script asks.
    pub(crate) chooses: Nth,
    /// How many items there are, each with a run of its own; all runs go on at the same time.
    pub(crate) items: u32,
    /// Somebody sets the clock, back and forth, whenever nothing is to be done.
    pub(crate) clock_wanders: Option<Seeded>,
    /// What happens outside while a run sleeps for the first time.
    pub(crate) meanwhile: Option<Turn>,
    /// Whether the automation begins in shadow.
    pub(crate) in_shadow: bool,
}

/// Something that happens outside.
type Turn = Box<dyn FnOnce(&Outside) + Send>;

/// How a life of the server ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Died,
    Done,
}

impl World {
    pub(crate) fn new(seed: u64, contract: Value, script: &str) -> Self {
        Self {
            folder: empty_store(),
            postgres: None,
            outside: Outside::default(),
            clock: Arc::new(FastClock::new(Timestamp::from_millis(1_790_000_000_000))),
            seed,
            contract,
            script: script.to_owned(),
            disorder: None,
            overtaken: None,
            asked: Vec::new(),
            consents: true,
            chooses: Nth::ALL[0],
            items: 1,
            clock_wanders: None,
            meanwhile: None,
            in_shadow: false,
        }
    }

    /// The same world with its store in PostgreSQL.
    pub(crate) fn on_postgres(self, server: &str) -> Self {
        let system = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = system.block_on(postgres::fresh_schema(server));
        let postgres = Some(Postgres { url, lease: LEASE });
        Self { postgres, folder: TempDir::new().unwrap(), ..self }
    }

    async fn open(&self, env: Env) -> Store {
        let folder = self.folder.path();
        match &self.postgres {
            None => Store::open(folder, env, keys()).await.unwrap(),
            Some(postgres) => Store::open_postgres(folder, postgres, env, keys(), &|_| true).await.unwrap(),
        }
    }

    /// Reads end in any order.
    pub(crate) fn in_disorder(mut self) -> Self {
        self.disorder = Some(Arc::new(Seeded::new(self.seed)));
        self
    }

    /// Another run changes a place of the state as soon as this one sleeps.
    pub(crate) fn overtake(&mut self, place: &str) {
        self.overtaken = Some(place.to_owned());
    }

    /// Lives until everything is done, or until it dies at a place.
    pub(crate) fn live(&mut self, dies: Option<(FaultPoint, u32)>) -> Life {
        let death = dies.map(|(point, nth)| Arc::new(DieAt::new(point, nth)));
        let faults = death.clone().map(|death| death as Arc<dyn runtime::env::Faults>);
        self.seed = self.seed.wrapping_add(1);
        let env = Env::simulated(Arc::clone(&self.clock) as _, Arc::new(Seeded::new(self.seed)), faults);
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let life = tokio.block_on(async {
            let lived = self.work(env);
            match &death {
                None => {
                    lived.await;
                    Life::Done
                }
                Some(death) => tokio::select! {
                    () = lived => Life::Done,
                    () = death.died.notified() => Life::Died,
                },
            }
        });
        // What is under way dies here, as in a killed process.
        tokio.shutdown_timeout(Duration::from_secs(5));
        let died = death.is_some_and(|death| death.has_died());
        assert_eq!(died, life == Life::Died);
        life
    }

    async fn work(&mut self, env: Env) {
        let store = self.open(env.clone()).await;
        store.recover_runs().await.unwrap();
        let automation = match store.automation("story").await {
            Ok(automation) => automation,
            Err(_) => store
                .import(Import {
                    name: "story".to_owned(),
                    title: "Story".to_owned(),
                    contract: intents::canonical::to_string(&self.contract),
                    program: self.script.clone().into(),
                    triggers: Vec::new(),
                    by: "test".to_owned(),
                    shadow: self.in_shadow,
                })
                .await
                .unwrap(),
        };
        let mut catalogue = Catalogue::default();
        for definition in connectors::host::definitions() {
            catalogue.register(connectors::Entry::Host(Arc::new(definition))).unwrap();
        }
        self.outside.add_to(&mut catalogue, self.disorder.clone());
        let services = Services::new(env.clone(), store.clone(), Arc::new(catalogue), jail());

        env.reached(FaultPoint::BeforeDeliver).await;
        let mut runs = Vec::new();
        for item in 0..self.items {
            let delivery = Delivery {
                automation: automation.id,
                trigger: None,
                dedupe_key: if item == 0 { "the item".to_owned() } else { format!("item {item}") },
                input: json!({ "item": 7 + item }),
                labels: Labels::new(),
                useful_until: None,
                skip_if_busy: false,
            };
            runs.push(match store.deliver(delivery).await.unwrap() {
                Delivered::New { run, .. } | Delivered::Known { run: Some(run), .. } => run,
                other @ (Delivered::Known { run: None, .. } | Delivered::Skipped { .. }) => panic!("{other:?}"),
            });
        }
        env.reached(FaultPoint::AfterDeliver).await;
        self.turn_until_over(&services, &store, &runs).await;
    }

    async fn turn_until_over(&mut self, services: &Services, store: &Store, runs: &[RunId]) {
        for _ in 0..TURNS_MAX {
            let (_keep, stop) = watch::channel(false);
            let ready = store.runnable(100, &[]).await.unwrap();
            let going = ready.into_iter().map(|ready| carry_out(services.clone(), ready.run, stop.clone()));
            for ending in join_all(going).await {
                ending.unwrap();
            }
            let mut over = true;
            for run in runs {
                over &= store.run(*run).await.unwrap().phase.is_over();
            }
            if over {
                return;
            }
            if let Some(meanwhile) = self.meanwhile.take() {
                meanwhile(&self.outside);
            }
            if let Some(place) = self.overtaken.take() {
                self.another_writes(store, runs[0], place).await;
            }
            if store.wake_due().await.unwrap() > 0 {
                continue;
            }
            if self.answer_truthfully(store).await {
                continue;
            }
            if let Some(at) = store.next_wake().await.unwrap() {
                self.clock.jump_to(at);
            }
            if let Some(chance) = &self.clock_wanders {
                // Back more often than forwards, by up to two hours.
                self.clock.step(chance.below(3 * 3_600_000) as i64 - 2 * 3_600_000);
            }
        }
        panic!("the runs do not end: {:?} {:?}", store.run(runs[0]).await, store.needs(None, None, 10).await);
    }

    async fn another_writes(&self, store: &Store, run: RunId, name: String) {
        let automation = store.run(run).await.unwrap().automation;
        let delivery = Delivery {
            automation,
            trigger: None,
            dedupe_key: "another item".to_owned(),
            input: Value::Null,
            labels: Labels::new(),
            useful_until: None,
            skip_if_busy: false,
        };
        let Delivered::New { run, .. } = store.deliver(delivery).await.unwrap() else { panic!("it is new") };
        let finish = Finish {
            progress: Progress { run, attempt: 1, generation: 0, records: Vec::new(), calls: 0 },
            failure: None,
            state: vec![StateWrite { name, value: Some(Some(json!("another's"))), seen: None }],
            labels: Labels::new(),
            needs: Vec::new(),
            pause: false,
            repair: None,
        };
        store.finish(finish).await.unwrap();
    }

    /// The person looks whether it happened, and says so.
    async fn answer_truthfully(&mut self, store: &Store) -> bool {
        let open = store.needs(Some(NeedStatus::Open), None, 10).await.unwrap();
        for need in &open {
            let tool = need.evidence["tool"].as_str().unwrap_or_default().to_owned();
            let key = need.evidence["key"].as_str().unwrap_or_default().to_owned();
            self.asked.push((need.kind, key.clone()));
            let step = key.strip_prefix("step=").unwrap_or(&key).to_owned();
            let choice = match need.kind {
                NeedKind::Settle if self.outside.was_performed(&tool, &step) => Choice::ItHappened,
                NeedKind::Settle => Choice::ItDidNot,
                NeedKind::Approve if self.consents => Choice::Approve,
                NeedKind::Approve => Choice::Refuse,
                NeedKind::Decide => Choice::Chosen(self.chooses),
                // Hopes that it goes by itself, twice; then gives up.
                NeedKind::Grant if self.asked.len() <= 2 => Choice::Continue,
                NeedKind::Grant => Choice::Stop,
                other => panic!("nobody expected to be asked {other}: {} {}", need.title, need.evidence),
            };
            store.answer_need(need.id, choice, "person").await.unwrap();
        }
        !open.is_empty()
    }

    /// Looks into the store of a server that is not running.
    pub(crate) fn inspect<T>(&self, look: impl AsyncFnOnce(Store) -> T) -> T {
        let env = Env::simulated(Arc::clone(&self.clock) as _, Arc::new(Seeded::new(99)), None);
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        tokio.block_on(async {
            let store = self.open(env).await;
            look(store).await
        })
    }

    pub(crate) fn the_run(&self) -> (Run, Vec<Effect>) {
        self.inspect(async |store| {
            let run = store.runs(&runtime::store::RunFilter::default(), 1).await.unwrap().remove(0);
            let effects = store.effects(None, None, None, 1000).await.unwrap();
            assert!(effects.iter().all(|effect| effect.state != State::Started), "{effects:#?}");
            (run, effects)
        })
    }
}

pub(crate) fn keys() -> Keys {
    Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] }
}

/// A migrated store without anything in it, copied from one that was made once.
fn empty_store() -> TempDir {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        tokio.block_on(async {
            let env = Env::real();
            Store::open(folder.path(), env, keys()).await.unwrap().close().await;
        });
        tokio.shutdown_timeout(Duration::from_secs(5));
        folder
    });
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(template.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "reserve" {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    folder
}
