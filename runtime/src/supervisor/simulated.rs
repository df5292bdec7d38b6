//! A world for tests: a clock that stands still until it is moved, and a store in a folder of its own.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use intents::Timestamp;
use intents::contract::Source;
use intents::schedule::next_slot;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::env::{Clock, Entropy, Env};
use crate::store::{Automation, Import, Keys, NewTrigger, Store};

/// A clock that a test moves.
pub(crate) struct VirtualClock(watch::Sender<Timestamp>);

impl VirtualClock {
    pub(crate) fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(now)))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.send_replace(now);
    }

    pub(crate) fn advance(&self, length: Duration) {
        self.0.send_modify(|now| *now = *now + length);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut clock = self.0.subscribe();
        Box::pin(async move {
            if clock.wait_for(|now| *now >= at).await.is_err() {
                // The clock is gone with its test; time stands still.
                std::future::pending::<()>().await;
            }
        })
    }
}

struct Counting(Mutex<u128>);

impl Entropy for Counting {
    fn next_u128(&self) -> u128 {
        let mut last = self.0.lock().unwrap();
        *last += 1;
        *last
    }
}

pub(crate) fn env(clock: &Arc<VirtualClock>) -> Env {
    Env::simulated(Arc::<VirtualClock>::clone(clock), Arc::new(Counting(Mutex::new(0))), None)
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) env: Env,
    pub(crate) store: Store,
}

impl World {
    /// A fresh store at a point in time.
    pub(crate) async fn at(now: &str) -> Self {
        let clock = VirtualClock::at(time(now));
        let env = env(&clock);
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] };
        let store = Store::open(&folder.path().join("home"), env.clone(), keys).await.unwrap();
        Self { folder, clock, env, store }
    }

    pub(crate) fn set(&self, now: &str) {
        self.clock.set(time(now));
    }

    /// An automation with these triggers, as an import stores it.
    pub(crate) async fn automation(&self, name: &str, triggers: &[(&'static str, &str)], expect: &str) -> Automation {
        let bodies: Vec<_> = triggers.iter().map(|(_, body)| *body).collect();
        let contract = format!(
            r#"{{"title":"{name}","goal":"g","triggers":[{}],"capabilities":[],"expect":{expect}}}"#,
            bodies.join(",")
        );
        let now = self.env.now();
        let triggers = triggers
            .iter()
            .map(|(kind, body)| NewTrigger { kind, body: (*body).to_owned(), next_at: first_slot(body, now) })
            .collect();
        let import = Import {
            name: name.to_owned(),
            title: name.to_owned(),
            contract,
            program: "export async function run() {}".into(),
            triggers,
            by: "test".to_owned(),
            shadow: false,
        };
        self.store.import(import).await.unwrap()
    }

    /// The inputs of an automation's runs, oldest first.
    pub(crate) async fn inputs(&self, automation: &Automation) -> Vec<serde_json::Value> {
        let filter = crate::store::RunFilter { automation: Some(automation.id), ..Default::default() };
        let mut inputs = Vec::new();
        for run in self.store.runs(&filter, 100_000).await.unwrap().into_iter().rev() {
            inputs.push(self.store.item(run.item).await.unwrap().input);
        }
        inputs
    }

    /// The dedupe-free view of open needs: kind and title.
    pub(crate) async fn open_needs(&self) -> Vec<(intents::need::Kind, String)> {
        let open = Some(crate::store::NeedStatus::Open);
        let needs = self.store.needs(open, None, 100).await.unwrap();
        needs.into_iter().map(|need| (need.kind, need.title)).collect()
    }
}

fn first_slot(body: &str, now: Timestamp) -> Option<Timestamp> {
    match crate::scheduler::trigger(body).unwrap().source {
        Source::Schedule { cron, zone, .. } => next_slot(&cron, &zone, now),
        Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => None,
    }
}

pub(crate) fn time(text: &str) -> Timestamp {
    Timestamp::from_jiff(text.parse().unwrap())
}

/// Lets everything else run until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    /// Far more turns than any of these tests needs; the store's own thread takes some of them.
    const TURNS_MAX: usize = 2_000_000;
    for _ in 0..TURNS_MAX {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came: {what}");
}
