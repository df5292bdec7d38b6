//! A store in a folder of its own, with a clock that the test moves and chance that a seed decides.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use intents::Timestamp;
use intents::amount::Amount;
use intents::approval::Binding;
use intents::canonical::Digest;
use intents::contract::Excess;
use intents::effect::{Claim, Key, State};
use intents::failure::Class;
use intents::gate::{Beyond, Clause, Counter, Ground, Offer, Passed};
use intents::id::{AutomationId, ContractId, ItemId, RunId, ScriptId};
use intents::journal::{LogLine, Record};
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};
use intents::tool::Name;
use runtime::env::{Clock, Entropy, Env};
use runtime::store::{
    Automation, BeginEffect, Begun, Delivered, Delivery, Error, Finish, Finished, Import, Keys, NewNeed, NewTrigger,
    NewWait, Passing, Progress, SettleEffect, SettledBy, Sleep, StateWrite, Store,
};
use serde_json::{Value, json};

use super::place::Place;

/// 2026-03-02T09:00:00Z, a Monday.
pub(crate) const START: i64 = 1_772_442_000_000;

/// A clock that stands until the test moves it.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, length: Duration) {
        self.0.fetch_add(length.as_millis() as i64, Ordering::SeqCst);
    }
}

impl TestClock {
    pub(crate) fn set_back(&self, length: Duration) {
        self.0.fetch_sub(length.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Chance that a seed decides.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The next number (splitmix64).
    pub(crate) fn roll(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }
}

impl Entropy for Dice {
    fn next_u128(&self) -> u128 {
        (u128::from(self.roll()) << 64) | u128::from(self.roll())
    }
}

/// The seeds of a test: `SEED=12` runs one, `SOAK=1` ten times as many.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None if std::env::var_os("SOAK").is_some() => 0..count * 10,
        None => 0..count,
    }
}

pub(crate) fn keys() -> Keys {
    Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] }
}

pub(crate) fn tool() -> Name {
    "email.send".parse().unwrap()
}

pub(crate) fn invoice(number: impl std::fmt::Display) -> Key {
    Key::parse(&json!({ "invoice": number.to_string() })).unwrap()
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> &'static str {
    result.expect_err("this should have been refused").code()
}

pub(crate) fn import(name: &str, triggers: Vec<NewTrigger>) -> Import {
    Import {
        name: name.to_owned(),
        title: format!("About {name}"),
        contract: r#"{"title":"T"}"#.to_owned(),
        program: "export default async function run() {}".into(),
        triggers,
        by: "ann".to_owned(),
        shadow: false,
    }
}

pub(crate) fn delivery(automation: AutomationId, key: &str) -> Delivery {
    Delivery {
        automation,
        trigger: None,
        dedupe_key: key.to_owned(),
        input: json!({ "invoice": key }),
        labels: Default::default(),
        useful_until: None,
        skip_if_busy: false,
    }
}

/// A store, and what surrounds it.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) env: Env,
    server: Arc<Server>,
    place: Place,
}

/// The store as it is at the moment: attempts outlive a restart and report to the server that is there then.
#[derive(Debug, Default)]
pub(crate) struct Server(Mutex<Option<Store>>);

impl World {
    pub(crate) async fn new() -> Self {
        Self::seeded(7).await
    }

    pub(crate) async fn seeded(seed: u64) -> Self {
        let place = Place::new().await;
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let env = Env::simulated(clock.clone(), Arc::new(Dice::new(seed)), None);
        let store = place.open(&env).await.unwrap();
        let server = Arc::new(Server(Mutex::new(Some(store.clone()))));
        Self { store, clock, env, server, place }
    }

    /// The data folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.place.home()
    }

    /// Where the store is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// A second store on the same folder.
    #[allow(dead_code, reason = "some stories are about one database alone")]
    pub(crate) async fn open_another(&self) -> Result<Store, Error> {
        self.place.open(&self.env).await
    }

    /// Stops the server, does something to its files, and starts it again.
    pub(crate) async fn restart_after(self, meanwhile: impl AsyncFnOnce(&Place)) -> Self {
        let Self { store, clock, env, server, place } = self;
        drop(server.0.lock().unwrap().take());
        store.close().await;
        meanwhile(&place).await;
        let store = place.open(&env).await.unwrap();
        *server.0.lock().unwrap() = Some(store.clone());
        Self { store, clock, env, server, place }
    }

    pub(crate) async fn restart(self) -> Self {
        self.restart_after(async |_: &Place| {}).await
    }

    pub(crate) async fn automation(&self, name: &str) -> Automation {
        self.store.import(import(name, Vec::new())).await.unwrap()
    }

    /// A new item for the automation, with an attempt at its run.
    pub(crate) async fn attempt(&self, automation: &Automation, key: &str) -> Attempt {
        match self.store.deliver(delivery(automation.id, key)).await.unwrap() {
            Delivered::New { item, run } => Attempt::first(self, automation.id, item, run),
            other @ (Delivered::Known { .. } | Delivered::Skipped { .. }) => panic!("{key} is not new: {other:?}"),
        }
    }

    /// What an attacker with the file does.
    pub(crate) async fn attack(&self, sql: &str) -> Result<(), sqlx::Error> {
        self.place.attack(sql).await
    }

    /// One text out of the database.
    #[allow(dead_code, reason = "some stories are about one database alone")]
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.place.text(sql).await
    }

    /// One number out of the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.place.number(sql).await
    }
}

/// One attempt at a run, as an executor would report it.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) server: Arc<Server>,
    pub(crate) automation: AutomationId,
    pub(crate) item: ItemId,
    pub(crate) run: RunId,
    pub(crate) number: u32,
    pub(crate) generation: u32,
    pub(crate) calls: u32,
    pub(crate) passed: Passed,
}

impl Attempt {
    pub(crate) fn first(world: &World, automation: AutomationId, item: ItemId, run: RunId) -> Self {
        let server = Arc::clone(&world.server);
        Self { server, automation, item, run, number: 1, generation: 0, calls: 0, passed: passed() }
    }

    /// The store of the server that is there now.
    pub(crate) fn store(&self) -> Store {
        self.server.0.lock().unwrap().clone().expect("nobody reports while the server is down")
    }

    /// The next attempt, from the first line on.
    pub(crate) fn next(&self) -> Self {
        Self { number: self.number + 1, calls: 0, ..self.clone() }
    }

    pub(crate) fn with_rate(self, max: u32, window: Duration) -> Self {
        self.with_counter(Amount::ONE, Amount::whole(max), window, Excess::Wait)
    }

    /// Counts so much in a window, under one clause.
    pub(crate) fn with_counter(mut self, amount: Amount, max: Amount, window: Duration, excess: Excess) -> Self {
        let subject = Digest::of(b"clause 0");
        self.passed.counters.push(Counter {
            subjects: vec![subject],
            amount,
            max,
            window: Some(window),
            beyond: Beyond::Limit { excess, words: "So much and no more.".to_owned(), subject },
        });
        self
    }

    /// Wants a yes for every effect.
    pub(crate) fn asking_always(self) -> Self {
        self.asking(Digest::of(b"clause 1"), None)
    }

    /// Wants a yes for every effect under a clause, which may offer an envelope.
    pub(crate) fn asking(mut self, subject: Digest, envelope: Option<Offer>) -> Self {
        self.passed.grounds.push(Ground { subject, words: "You are asked about each mail.".to_owned(), envelope });
        self
    }

    /// What happened since the last commit: one line in the log.
    pub(crate) fn progress(&self) -> Progress {
        let text = format!("call {}", self.calls);
        let line = LogLine { line: self.calls, level: "info".to_owned(), text, at: Timestamp::from_millis(START) };
        self.progress_with(vec![Record::Logged(line)])
    }

    pub(crate) fn progress_with(&self, records: Vec<Record>) -> Progress {
        Progress { run: self.run, attempt: self.number, generation: self.generation, records, calls: self.calls }
    }

    pub(crate) async fn append(&self) -> Result<(), Error> {
        self.store().append(self.progress()).await?.await
    }

    pub(crate) fn beginning(&self, key: &Key, arguments: &str) -> BeginEffect {
        BeginEffect {
            progress: self.progress(),
            automation: self.automation,
            tool: tool(),
            key: key.clone(),
            claim: Claim {
                run: self.run,
                call: self.calls,
                item: self.item,
                arguments: Digest::of(arguments.as_bytes()),
            },
            passing: Passing { passed: self.passed.clone(), binding: self.binding(key, arguments) },
            files: Vec::new(),
        }
    }

    /// What a yes to an effect is bound to.
    pub(crate) fn binding(&self, key: &Key, arguments: &str) -> Binding {
        Binding {
            effect: key.identity(self.automation, &tool()),
            arguments: Digest::of(arguments.as_bytes()),
            ..binding(self.run)
        }
    }

    /// Claims an effect with this attempt's present call.
    pub(crate) async fn begin(&self, key: &Key, arguments: &str) -> Begun {
        self.store().begin_effect(self.beginning(key, arguments)).await.unwrap().await.unwrap()
    }

    pub(crate) fn settling(&self, key: &Key, state: State) -> SettleEffect {
        let outcome = (state == State::Applied).then(|| Outcome::Value(json!({ "message_id": "m1" })).into());
        SettleEffect {
            progress: self.progress(),
            automation: self.automation,
            tool: tool(),
            key: key.clone(),
            state,
            outcome,
            by: SettledBy::Answer,
            need: None,
            need_if_over: None,
        }
    }

    pub(crate) async fn settle(&self, key: &Key, state: State) -> Result<(), Error> {
        self.store().settle_effect(self.settling(key, state)).await?.await
    }

    /// Performs an effect from claim to outcome.
    pub(crate) async fn perform(&self, key: &Key, arguments: &str) {
        assert!(matches!(self.begin(key, arguments).await, Begun::Perform { .. }));
        self.settle(key, State::Applied).await.unwrap();
    }

    pub(crate) fn end(&self) -> Finish {
        Finish {
            progress: self.progress(),
            failure: None,
            state: Vec::new(),
            labels: Labels::new(),
            needs: Vec::new(),
            pause: false,
            repair: None,
        }
    }

    pub(crate) async fn finish(&self) -> Result<Finished, Error> {
        self.store().finish(self.end()).await
    }

    pub(crate) async fn finish_with_state(&self, state: Vec<StateWrite>) -> Result<Finished, Error> {
        self.store().finish(Finish { state, ..self.end() }).await
    }

    pub(crate) async fn fail(&self, class: Class, needs: Vec<NewNeed>) -> Result<Finished, Error> {
        let failure = Some(Failure::new(class, "SCRIPT_THREW", "it threw"));
        self.store().finish(Finish { failure, needs, ..self.end() }).await
    }

    pub(crate) async fn sleep_on(&self, wait: NewWait) {
        self.store().sleep(Sleep { progress: self.progress(), waits: vec![wait] }).await.unwrap();
    }
}

/// What the gate says of a call that nothing bounds.
pub(crate) fn passed() -> Passed {
    Passed {
        clause: Clause { capability: Some(0), words: "May send mail.".to_owned() },
        identity: None,
        connection: None,
        rows: Vec::new(),
        counters: Vec::new(),
        held: Vec::new(),
        grounds: Vec::new(),
    }
}

/// What a yes is bound to, where nothing of it matters.
pub(crate) fn binding(run: RunId) -> Binding {
    Binding {
        run,
        effect: Digest::of(b"effect"),
        connection: None,
        definition: Digest::of(b"email.send 1"),
        arguments: Digest::of(b"x"),
        contents: Vec::new(),
        contracts: vec![ContractId::ZERO],
        script: ScriptId::ZERO,
    }
}

/// A need of a run's call.
pub(crate) fn need_of(attempt: &Attempt, kind: intents::need::Kind, key: &str) -> NewNeed {
    NewNeed {
        kind,
        dedupe_key: key.to_owned(),
        automation: Some(attempt.automation),
        run: Some(attempt.run),
        call: Some(attempt.calls),
        effect: None,
        title: "Please say".to_owned(),
        evidence: Value::Null,
    }
}

/// A message like no other.
pub(crate) fn message() -> runtime::store::Message {
    static SAID: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let call = SAID.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    runtime::store::Message { call, digest: Digest::of(&call.to_be_bytes()) }
}
