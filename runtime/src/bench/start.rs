//! How soon the server is ready, and what it holds in memory while it has nothing to do.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use intents::canonical;
use intents::label::Labels;
use serde_json::json;

use super::figures::{Figure, millis};
use super::house::{self, House};
use super::prefill::prefill;
use super::world;
use crate::env::Env;
use crate::store::{Delivery, Import, NewTrigger};

/// Starts that are measured, after the first.
const STARTS: usize = 10;
/// Runs in a store of normal size: a year of a busy household.
const RUNS: u32 = 50_000;
/// A machine that needs longer is too small for Steward.
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether the run has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Measures starts of the real server: over an empty store, and over one of normal size.
pub(super) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let folder = world::folder()?;
    let home = folder.path().join("data");
    let first = House::start(&home, &[]).await?;
    let mut figures = vec![Figure::one("first start until ready", "ms", millis(&first.took))];
    first.kill().await?;
    figures.extend(starts(&home, "empty store").await?);
    fill(&home).await?;
    figures.extend(starts(&home, &format!("{RUNS} runs")).await?);
    Ok(figures)
}

async fn starts(home: &Path, store: &str) -> anyhow::Result<Vec<Figure>> {
    let (mut lengths, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let house = House::start(home, &[]).await?;
        lengths.push(house.took);
        memory.extend(house.resident_mib());
        house.kill().await?;
    }
    let lengths = Figure::lengths(format!("{store}: start after a kill until ready"), &lengths);
    Ok(lengths.into_iter().chain(Figure::many(format!("{store}: memory when ready"), "MiB", memory)).collect())
}

/// Puts runs that have ended into a store: a real one, and copies of it.
async fn fill(home: &Path) -> anyhow::Result<()> {
    let env = Env::real();
    let server = house::open(home, &env).await?;
    let store = server.app.store.clone();
    let import = Import {
        name: "bench".to_owned(),
        title: "Bench".to_owned(),
        contract: canonical::to_string(&json!({
            "title": "Bench",
            "goal": "Do nothing, often.",
            "triggers": [{ "manual": true, "overlap": "allow" }],
            "capabilities": []
        })),
        program: "export default async function run({ input }) { return input; }".into(),
        triggers: vec![NewTrigger {
            kind: "manual",
            body: canonical::to_string(&json!({ "manual": true, "overlap": "allow" })),
            next_at: None,
        }],
        by: "bench".to_owned(),
        shadow: false,
    };
    let delivery = Delivery {
        automation: store.import(import).await?.id,
        trigger: None,
        dedupe_key: "the first".to_owned(),
        input: json!({ "number": 1 }),
        labels: Labels::new(),
        useful_until: None,
        skip_if_busy: false,
    };
    store.deliver(delivery).await?;
    let ended = async {
        while super::schedules::ended(&store).await? < 1 {
            env.sleep(LOOK_EVERY).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(RUN_WITHIN, ended).await.context("the run does not end")??;
    server.shutdown().await;
    prefill(&home.join("steward.db"), 1, RUNS)
}
