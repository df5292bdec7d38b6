//! A hundred thousand schedules: what it takes to hold them, and how soon ten thousand of them are runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use intents::Timestamp;
use intents::canonical;
use intents::schedule::{CronSpec, Zone, next_slot};
use serde_json::json;

use super::figures::{Figure, millis};
use super::house::{self, House};
use super::meter::{Watch, processor_time_of};
use super::world;
use crate::env::{Clock, Env};
use crate::health::Health;
use crate::scheduler::start_scheduler;
use crate::store::{Import, NewTrigger, Store};
use crate::supervisor::{Escalation, NeedsOfParts};

/// How many schedules there are.
const HELD: usize = 100_000;
/// How many of them are due at the same time.
const DUE: usize = 10_000;
/// Automations that are brought in at once, so that they share commits.
const IMPORTS_AT_ONCE: usize = 256;
/// A machine that needs longer is too small for Steward.
const DONE_WITHIN: Duration = Duration::from_secs(300);
/// How often it is looked whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How far the clock is moved: past the next minute, when they all are due.
const LEAP: Duration = Duration::from_secs(60);
/// A server that has just started reads what it keeps in memory.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// How long an idle server is watched: longer than its parts sleep at most.
const IDLE_FOR: Duration = Duration::from_secs(65);

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

/// Measures how long it takes until each that is due is a run on the disk, until all these runs have ended, and what
/// the server takes that has nothing to do but to hold them.
pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let folder = world::folder()?;
    let home = folder.path().join("data");
    let mut figures = fire(&home).await?;
    figures.extend(hold(&home).await?);
    Ok(figures)
}

async fn fire(home: &std::path::Path) -> anyhow::Result<Vec<Figure>> {
    let real = Env::real();
    let ahead_ms = Arc::new(AtomicI64::new(0));
    let clock = MovedClock { real: real.clone(), ahead_ms: Arc::clone(&ahead_ms) };
    let env = Env::simulated(Arc::new(clock), real.entropy.clone(), None);
    let server = house::open(home, &env).await?;
    let store = server.app.store.clone();
    let (never, soon) = ("0 0 1 1 *", in_this_minute(env.now() + LEAP));
    let mut imports = Vec::with_capacity(HELD);
    for number in 0..HELD {
        imports.push(automation(number, if number < DUE { &soon } else { never }, env.now())?);
    }
    let imports = imports.into_iter().map(|import| store.import(import));
    let mut imports = stream::iter(imports).buffer_unordered(IMPORTS_AT_ONCE);
    while imports.next().await.transpose()?.is_some() {}
    drop(imports);

    let before = store.counts();
    ahead_ms.store(i64::try_from(LEAP.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    let watch = Watch::start();
    let escalation: Arc<dyn Escalation> = Arc::new(NeedsOfParts(store.clone()));
    let scheduler = start_scheduler(&store, &env, &Health::default(), &escalation);
    until(&real, async || Ok(counted(&store, |_| true).await? >= DUE))
        .await
        .context("the schedules do not all fire")?;
    let fired = watch.read();
    let after = store.counts();
    until(&real, async || Ok(ended(&store).await? >= DUE)).await.context("the runs do not all end")?;
    let done = watch.read();
    scheduler.abort();
    // Aborted, or ended before: both are ends. Whoever holds the store keeps its folder locked.
    scheduler.await.unwrap_or_default();
    drop((store, escalation));
    server.shutdown().await;
    Ok(vec![
        Figure::one(format!("{DUE} of {HELD} due at once: durable within"), "ms", millis(&fired)),
        Figure::one("all these runs have ended within", "ms", millis(&done)),
        Figure::one("commits until they are durable", "in all", (after.0 - before.0) as f64),
    ])
}

async fn hold(home: &std::path::Path) -> anyhow::Result<Vec<Figure>> {
    let env = Env::real();
    let house = House::start(home, &[]).await?;
    env.sleep(SETTLED_AFTER).await;
    let mut figures = vec![Figure::one(format!("{HELD} held: start until ready"), "ms", millis(&house.took))];
    let processor = || house.pid().and_then(processor_time_of);
    let before = processor();
    env.sleep(IDLE_FOR).await;
    if let Some((before, after)) = before.zip(processor()) {
        let share = after.saturating_sub(before).as_secs_f64() / IDLE_FOR.as_secs_f64();
        figures.push(Figure::one(format!("{HELD} held: processor when idle"), "percent of one", share * 100.0));
    }
    figures.extend(house.resident_mib().map(|mib| Figure::one(format!("{HELD} held: memory when idle"), "MiB", mib)));
    house.kill().await?;
    Ok(figures)
}

/// A rule that is due once in the minute in which a point in time is.
fn in_this_minute(at: Timestamp) -> String {
    let at = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
    format!("{} {} {} {} *", at.minute(), at.hour(), at.day(), at.month())
}

/// An automation with a schedule, whose script does nothing.
pub(super) fn automation(number: usize, rule: &str, now: Timestamp) -> anyhow::Result<Import> {
    const ZONE: &str = "Etc/UTC";
    let next_at = next_slot(&rule.parse::<CronSpec>()?, &ZONE.parse::<Zone>()?, now);
    let schedule = json!({ "schedule": rule, "tz": ZONE, "catch_up": "latest" });
    let contract = json!({
        "title": "Bench", "goal": "Do nothing in time.", "triggers": [&schedule], "capabilities": []
    });
    Ok(Import {
        name: format!("bench-{number}"),
        title: format!("Bench {number}"),
        contract: canonical::to_string(&contract),
        program: "export default async function run() { return 1; }".to_owned().into(),
        triggers: vec![NewTrigger { kind: "schedule", body: canonical::to_string(&schedule), next_at }],
        by: "bench".to_owned(),
        shadow: false,
    })
}

/// How many runs have ended well.
pub(super) async fn ended(store: &Store) -> anyhow::Result<usize> {
    counted(store, |phase| phase == "succeeded").await
}

async fn counted(store: &Store, wanted: impl Fn(&str) -> bool) -> anyhow::Result<usize> {
    let counts = store.run_counts().await?;
    let count: i64 = counts.iter().filter(|(_, phase, _)| wanted(phase)).map(|(_, _, count)| count).sum();
    Ok(usize::try_from(count)?)
}

async fn until(env: &Env, is_so: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let waiting = async {
        while !is_so().await? {
            env.sleep(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(DONE_WITHIN, waiting).await.context("it takes too long")?
}
