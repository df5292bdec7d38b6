//! Ten thousand schedules that are due at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use intents::Timestamp;
use intents::canonical;
use serde_json::json;

use super::figures::{Figure, millis};
use super::meter::Watch;
use super::world;
use crate::env::{Clock, Env};
use crate::health::Health;
use crate::scheduler::start_scheduler;
use crate::store::{Import, NewTrigger, Store};
use crate::supervisor::{Escalation, NeedsOfParts};

/// How many schedules there are.
const SCHEDULES: usize = 10_000;
/// Automations that are brought in at once, so that they share commits.
const IMPORTS_AT_ONCE: usize = 256;
/// A machine that needs longer is too small for Steward.
const FIRED_WITHIN: Duration = Duration::from_secs(300);
/// How far the clock is moved: past the next minute, when they all are due.
const LEAP: Duration = Duration::from_secs(60);

/// A clock that can be moved on.
struct MovedClock {
    real: Env,
    ahead_ms: Arc<AtomicI64>,
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let ahead = u64::try_from(self.ahead_ms.load(Ordering::Relaxed)).unwrap_or(0);
        self.real.now() + Duration::from_millis(ahead)
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        self.real.clock.sleep_until(self.real.now() + at.since(self.now()))
    }
}

/// Measures how long it takes until each of them is a run on the disk.
pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let folder = world::folder()?;
    let real = Env::real();
    let ahead_ms = Arc::new(AtomicI64::new(0));
    let clock = MovedClock { real: real.clone(), ahead_ms: Arc::clone(&ahead_ms) };
    let env = Env::simulated(Arc::new(clock), real.entropy.clone(), None);
    let store = world::store(&folder, &env).await?;
    let due = next_minute(env.now());
    let imports = (0..SCHEDULES).map(|number| store.import(automation(number, due)));
    let mut imports = stream::iter(imports).buffer_unordered(IMPORTS_AT_ONCE);
    while imports.next().await.transpose()?.is_some() {}
    drop(imports);
    let before = store.counts();
    ahead_ms.store(i64::try_from(LEAP.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    let watch = Watch::start();
    let escalation: Arc<dyn Escalation> = Arc::new(NeedsOfParts(store.clone()));
    let scheduler = start_scheduler(&store, &env, &Health::default(), &escalation);
    let fired = tokio::time::timeout(FIRED_WITHIN, all_fired(&store)).await;
    let took = watch.read();
    scheduler.abort();
    fired.context("the schedules do not all fire")??;
    let after = store.counts();
    Ok(vec![
        Figure::one(format!("{SCHEDULES} due at once: durable within"), "ms", millis(&took)),
        Figure::one("fired", "per second", SCHEDULES as f64 / took.as_secs_f64()),
        Figure::one("commits", "in all", (after.0 - before.0) as f64),
        Figure::one("statements", "per schedule", (after.1 - before.1) as f64 / SCHEDULES as f64),
    ])
}

fn next_minute(now: Timestamp) -> Timestamp {
    const MINUTE: i64 = 60_000;
    Timestamp::from_millis((now.as_millis() / MINUTE + 1) * MINUTE)
}

fn automation(number: usize, due: Timestamp) -> Import {
    let body = canonical::to_string(&json!({ "schedule": "* * * * *", "tz": "Etc/UTC", "catch_up": "latest" }));
    Import {
        name: format!("bench-{number}"),
        title: format!("Bench {number}"),
        contract: "{}".to_owned(),
        script: String::new(),
        triggers: vec![NewTrigger { kind: "schedule", body, next_at: Some(due) }],
        by: "bench".to_owned(),
    }
}

/// Waits until every schedule has its run.
async fn all_fired(store: &Store) -> anyhow::Result<()> {
    let mut events = store.signals().events;
    loop {
        events.mark_unchanged();
        let runs: i64 = store.run_counts().await?.iter().map(|(_, _, count)| count).sum();
        if usize::try_from(runs)? >= SCHEDULES {
            return Ok(());
        }
        events.changed().await.context("the store was closed")?;
    }
}
