//! The real executor over a real store and a real jail, one automation for each fault.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use connectors::egress::{Egress, EgressSettings};
use connectors::email::Mail;
use connectors::vault::{MasterKeySource, Vault};
use connectors::{Catalogue, Dependencies, Entry};
use intents::Timestamp;
use intents::canonical::{self, Digest};
use intents::failure::Class;
use intents::id::RunId;
use intents::journal::{Called, Pins, Record};
use intents::label::Labels;
use intents::need::Kind as NeedKind;
use intents::outcome::Outcome;
use intents::run::Phase;
use intents::tool::{Identity, Kind, Shape};
use runtime::env::{Env, FaultPoint, Faults};
use runtime::executor::{Services, carry_out};
use runtime::models::Models;
use runtime::store::{Delivered, Delivery, Import, Keys, Mode, Need, NeedStatus, Progress, Store};
use sandbox::Jail;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::faults::{Case, Fault};
use crate::meaning::Way;
use crate::probe::{Mishap, Probe, Script, Shared};
use crate::time::{DieAt, FastClock, Seeded};

/// Attempts of one run: more go round in circles.
const ATTEMPTS_MAX: u32 = 6;

fn jail() -> Jail {
    static JAIL: OnceLock<Jail> = OnceLock::new();
    JAIL.get_or_init(|| Jail::start(Path::new(env!("CARGO_BIN_EXE_steward"))).unwrap()).clone()
}

/// What came of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) class: Option<Class>,
    pub(crate) way: Way,
}

pub(crate) struct World {
    folder: TempDir,
    clock: Arc<FastClock>,
    catalogue: Arc<Catalogue>,
    script: Shared,
    number: RefCell<u32>,
}

impl World {
    pub(crate) fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(FastClock::new(Timestamp::from_millis(1_790_000_000_000)));
        let script = Arc::new(Mutex::new(Script { next: Mishap::None, performed: 0, settled: 0 }));
        let catalogue = Arc::new(probes(folder.path(), &script));
        Self { folder, clock, catalogue, script, number: RefCell::new(0) }
    }

    pub(crate) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue)
    }

    /// Plays faults one after another, and sees what comes of each.
    pub(crate) fn play(&self, cases: &[Case]) -> Vec<Seen> {
        let mut seen = Vec::new();
        let crashes = |case: &Case| matches!(case.fault, Fault::Crash);
        // In one life, as far as they leave it alive.
        for group in cases.chunk_by(|one, next| !crashes(one) && !crashes(next)) {
            if let [case] = group
                && crashes(case)
            {
                self.crash(case);
            }
            self.live(None, async |world, store, services| {
                store.recover_runs().await.unwrap();
                for case in group {
                    let run = if crashes(case) {
                        world.the_run(&store).await
                    } else {
                        world.prepare(case);
                        let first = world.begin(&store, case).await;
                        match case.fault {
                            Fault::OtherItem => {
                                world.watch(&store, &services, first).await;
                                deliver(&store, &world.name(), "another item", json!({ "amount": 2 })).await
                            }
                            Fault::Tool(_) | Fault::Script(_) | Fault::Crash | Fault::OtherJournal => first,
                        }
                    };
                    seen.push(world.watch(&store, &services, run).await);
                }
                // Closed when nobody holds it any more.
                drop(services);
                store.close().await;
            });
        }
        assert_eq!(seen.len(), cases.len());
        seen
    }

    fn prepare(&self, case: &Case) {
        *self.number.borrow_mut() += 1;
        let next = match &case.fault {
            Fault::Tool(mishap) => mishap.clone(),
            Fault::Script(_) | Fault::Crash | Fault::OtherJournal | Fault::OtherItem => Mishap::None,
        };
        *self.script.lock().unwrap() = Script { next, performed: 0, settled: 0 };
    }

    /// Dies after the effect was performed, before its outcome is on the disk.
    fn crash(&self, case: &Case) {
        self.prepare(case);
        let death = Arc::new(DieAt::new(FaultPoint::AfterPerform, 0));
        self.live(Some(Arc::clone(&death) as Arc<dyn Faults>), async |world, store, services| {
            let run = world.begin(&store, case).await;
            let (_keep, stop) = watch::channel(false);
            tokio::select! {
                ended = carry_out(services, run, stop) => panic!("it did not die: {ended:?}"),
                () = death.died.notified() => {}
            }
        });
        self.prepare_again();
    }

    fn prepare_again(&self) {
        *self.script.lock().unwrap() = Script { next: Mishap::None, performed: 0, settled: 0 };
    }

    fn live(&self, faults: Option<Arc<dyn Faults>>, act: impl AsyncFnOnce(&Self, Store, Services)) {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        tokio.block_on(async {
            let seed = u64::from(*self.number.borrow());
            let env = Env::simulated(Arc::clone(&self.clock) as _, Arc::new(Seeded::new(seed)), faults);
            let keys = Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] };
            let store = Store::open(self.folder.path(), env.clone(), keys).await.unwrap();
            let services = Services::new(env, store.clone(), self.catalogue(), jail());
            act(self, store, services).await;
        });
        // What is under way dies here, as in a killed process.
        tokio.shutdown_timeout(Duration::from_secs(5));
    }

    fn name(&self) -> String {
        format!("case-{}", self.number.borrow())
    }

    async fn the_run(&self, store: &Store) -> RunId {
        let automation = store.automation(&self.name()).await.unwrap();
        let filter = runtime::store::RunFilter { automation: Some(automation.id), ..Default::default() };
        store.runs(&filter, 1).await.unwrap().remove(0).id
    }

    /// Brings the automation of a case in, and a run of it.
    async fn begin(&self, store: &Store, case: &Case) -> RunId {
        let mut capability = json!({ "tool": case.tool });
        if let Some(declares) = &case.declares {
            capability["identity"] = declares.clone();
        }
        let mut contract = json!({
            "title": "Case",
            "goal": "See what comes of it.",
            "triggers": [{ "manual": true }],
            "capabilities": [capability, { "tool": "http.get", "where": { "/url": { "prefix": "https://books.example/" } } }],
        });
        if case.tool == "http.get" {
            contract["capabilities"].as_array_mut().unwrap().pop();
        }
        if case.tool.starts_with("state.") || case.tool.starts_with("steward.") {
            // Every script may use these.
            contract["capabilities"].as_array_mut().unwrap().remove(0);
        }
        if case.takes_key {
            contract["once"] = json!([{ "tool": case.tool, "per": ["part"] }]);
        }
        let automation = store
            .import(Import {
                name: self.name(),
                title: "Case".to_owned(),
                contract: canonical::to_string(&contract),
                program: script_of(case).into(),
                triggers: Vec::new(),
                by: "test".to_owned(),
                shadow: false,
            })
            .await
            .unwrap();
        let input = json!({ "arguments": case.arguments, "amount": 1 });
        let run = deliver(store, &automation.name, "the item", input).await;
        if matches!(case.fault, Fault::OtherJournal) {
            other_journal(store, run, &script_of(case)).await;
        }
        run
    }

    /// Lets the run go on as far as it goes by itself, and says what was done about the fault.
    async fn watch(&self, store: &Store, services: &Services, run: RunId) -> Seen {
        for _ in 0..ATTEMPTS_MAX {
            let (_keep, stop) = watch::channel(false);
            carry_out(services.clone(), run, stop).await.unwrap();
            let asked = needs_of(store, run).await;
            let phase = store.run(run).await.unwrap().phase;
            if phase.is_over() || !asked.is_empty() {
                break;
            }
            if let Some(at) = store.next_wake().await.unwrap() {
                self.clock.jump_to(at);
            }
            store.wake_due().await.unwrap();
        }
        let the_run = store.run(run).await.unwrap();
        let automation = store.automation(&the_run.automation.to_string()).await.unwrap();
        let needs = needs_of(store, run).await;
        let records = store.journal(run).await.unwrap().records;
        let (performed, settled) = {
            let script = self.script.lock().unwrap();
            (script.performed, script.settled)
        };
        let is_closed = automation.mode == Mode::Paused;
        let way = match (the_run.phase, needs.first().map(|need| need.kind)) {
            (Phase::Succeeded, None) if settled > 0 => Way::Settle,
            (Phase::Succeeded, None) if performed > 1 => Way::Again,
            (Phase::Succeeded, None) if told(&records) => Way::Answer,
            (Phase::Waiting, Some(NeedKind::Settle)) => Way::AskSettle,
            (Phase::Waiting, Some(NeedKind::Reconnect)) => Way::AskReconnect,
            (Phase::Waiting, Some(NeedKind::Grant)) => Way::AskGrant,
            (Phase::Failed, Some(NeedKind::Internal)) if is_closed => Way::Closed,
            (Phase::Failed, Some(NeedKind::Repair)) if !is_closed => Way::Repair,
            (Phase::Failed, Some(NeedKind::Limit)) if !is_closed => Way::TellLimit,
            (
                Phase::Queued
                | Phase::Running
                | Phase::Waiting
                | Phase::Succeeded
                | Phase::Failed
                | Phase::Stopped
                | Phase::Skipped,
                _,
            ) => Way::Other,
        };
        // Only what was uncertain is ever settled; after a crash nothing else says so.
        let class = class_in(&records).or((way == Way::Settle).then_some(Class::Uncertain));
        Seen { class, way }
    }
}

async fn deliver(store: &Store, automation: &str, item: &str, input: Value) -> RunId {
    let delivery = Delivery {
        automation: store.automation(automation).await.unwrap().id,
        trigger: None,
        dedupe_key: item.to_owned(),
        input,
        labels: Labels::new(),
        useful_until: None,
        skip_if_busy: false,
    };
    match store.deliver(delivery).await.unwrap() {
        Delivered::New { run, .. } => run,
        other @ (Delivered::Known { .. } | Delivered::Skipped { .. }) => panic!("{other:?}"),
    }
}

/// What is asked about a run.
async fn needs_of(store: &Store, run: RunId) -> Vec<Need> {
    let mut needs = store.needs(Some(NeedStatus::Open), None, 1000).await.unwrap();
    needs.retain(|need| need.run == Some(run));
    needs
}

/// Whether the script was told, and went on.
fn told(records: &[Record]) -> bool {
    records
        .iter()
        .any(|record| matches!(record, Record::Ended { result: Some(result), .. } if result["told"].is_string()))
}

/// The class that the journal holds.
fn class_in(records: &[Record]) -> Option<Class> {
    records.iter().find_map(|record| match record {
        Record::Faulted { failure, .. } | Record::Ended { failure: Some(failure), .. } => Some(failure.class),
        Record::Began { .. }
        | Record::Called(_)
        | Record::Settled { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_)
        | Record::Ended { failure: None, .. } => None,
    })
}

fn script_of(case: &Case) -> String {
    let body = match case.fault {
        Fault::Script(body) => body.to_owned(),
        Fault::OtherItem => "await tools.probe.keyed({ amount: input.amount }, { key: { part: 'same' } });".to_owned(),
        Fault::Tool(_) | Fault::Crash | Fault::OtherJournal => {
            let options = if case.takes_key { ", { key: { part: 'one' } }" } else { "" };
            format!(
                "try {{ await tools.{}(input.arguments{options}); return {{}}; }} catch (error) {{ return {{ told: error.code }}; }}",
                case.tool
            )
        }
    };
    format!("export default async function run({{ input, tools, steward, state }}) {{\n{body}\n}}\n")
}

/// An earlier attempt that made another call.
async fn other_journal(store: &Store, run: RunId, script: &str) {
    let pins = sandbox::pins();
    let pins = Pins {
        engine: pins.engine,
        prelude: pins.prelude,
        tzdata: pins.tzdata.to_owned(),
        script: Digest::of(script.as_bytes()),
    };
    let at = Timestamp::from_millis(1_790_000_000_000);
    let records = vec![
        Record::Began { pins, at, seed: Digest::of(b"seed"), input: json!({ "arguments": {} }) },
        Record::Called(Called {
            call: 0,
            tool: "probe.read".parse().unwrap(),
            tool_version: 1,
            arguments: json!({ "another": "way" }).to_string(),
            key: None,
            optional: false,
            verdict: String::new(),
            at,
        }),
        Record::Settled {
            call: 0,
            order: 0,
            outcome: Arc::new(Outcome::Value(Value::Null)),
            at,
            took_ms: 1,
            labels: Labels::new(),
        },
    ];
    let progress = Progress { run, attempt: 1, generation: 0, records, calls: 1 };
    store.append(progress).await.unwrap().await.unwrap();
    store.lose_attempt(run, 1).await.unwrap();
}

/// Every tool of the catalogue, each with its definition, going wrong as it is told to.
fn probes(folder: &Path, script: &Shared) -> Catalogue {
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let real = tokio.block_on(async {
        let home = folder.join("catalogue");
        std::fs::create_dir_all(&home).unwrap();
        let env = Env::real();
        let vault = Arc::new(Vault::open(&home, &MasterKeySource::key_file(&home)).unwrap());
        let store = Store::open(&home, env.clone(), Keys::of(&vault)).await.unwrap();
        let egress = Arc::new(Egress::new(EgressSettings::default()).unwrap());
        // Over SMTP, where nobody can be asked about a mail; the outbox has its own identity.
        let mail = Mail::Outbox(home.join("outbox"));
        let dependencies = Dependencies { egress: Arc::clone(&egress), vault: Arc::clone(&vault), mail };
        let mut catalogue = Catalogue::new(dependencies).unwrap();
        let models = Models::open(env, store, vault, egress).await.unwrap();
        runtime::models::register(&mut catalogue, &models).unwrap();
        catalogue
    });
    tokio.shutdown_timeout(Duration::from_secs(5));
    let mut catalogue = Catalogue::default();
    for definition in real.definitions() {
        let entry = match real.get(&definition.name) {
            Some(Entry::Tool(tool)) => Probe::of(tool, script),
            Some(entry @ Entry::Host(_)) => entry.clone(),
            None => continue,
        };
        catalogue.register(entry).unwrap();
    }
    let window_ms = 24 * 3_600_000;
    let own = [
        ("probe.read", Kind::Read, Shape::BuiltIn),
        ("probe.keyed", Kind::Effect(Identity::Keyed { window_ms }), Shape::Open),
        ("probe.queryable", Kind::Effect(Identity::Queryable { absent_after_ms: 1000, window_ms }), Shape::Open),
        ("probe.natural", Kind::Effect(Identity::Natural), Shape::Open),
        ("probe.blind", Kind::Effect(Identity::Blind), Shape::Open),
    ];
    for (name, kind, shape) in own {
        catalogue.register(Probe::entry(name, kind, shape, script)).unwrap();
    }
    catalogue
}
