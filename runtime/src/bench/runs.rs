//! Runs of three steps: read from a service, work on a hundred items, send the result once.

use std::time::Duration;

use super::figures::{Figure, millis};
use super::ladder;
use super::load::load;
use super::meter::{machine_time, processor_time};
use super::stub::Stub;
use super::world::World;

/// How many clients there are at once, in turn.
const AT_ONCE: [usize; 3] = [1, 10, 50];
/// Runs of one automation at once are bounded, so the clients share several.
const AUTOMATIONS: usize = 10;
/// The first runs fill caches and are not counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// Measures the runs.
pub(super) async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let stub = Stub::start().await?;
    let world = World::start(stub.address()).await?;
    let mut automations = Vec::with_capacity(AUTOMATIONS);
    for number in 0..AUTOMATIONS {
        let (contract, script) = (ladder::contract(&stub.url()), ladder::script(&stub.url()));
        automations.push(world.import(&format!("bench-{number}"), &contract, &script).await?);
    }
    load(&world, &automations, AUTOMATIONS, WARM_UP, "warm-up").await?;
    let mut figures = Vec::new();
    for clients in AT_ONCE {
        let name = |what: &str| format!("{clients} at once: {what}");
        let ((commits, statements), bytes) = (world.store.counts(), world.bytes_on_disk());
        let (ours, everyones) = (processor_time(), machine_time());
        let load = load(&world, &automations, clients, length, &clients.to_string()).await?;
        let ours = processor_time().saturating_sub(ours);
        let everyones = machine_time().zip(everyones).map(|(after, before)| after.saturating_sub(before));
        let runs = load.lengths.len() as f64;
        let (commits_after, statements_after) = world.store.counts();
        figures.push(Figure::one(name("runs"), "per second", runs / load.lasted.as_secs_f64()));
        figures.extend(Figure::lengths(name("from delivery to end"), &load.lengths));
        figures.push(Figure::one(name("processor, server alone"), "ms per run", millis(&ours) / runs));
        if let Some(everyones) = everyones {
            figures.push(Figure::one(name("processor, whole machine"), "ms per run", millis(&everyones) / runs));
        }
        figures.push(Figure::one(name("commits"), "per run", (commits_after - commits) as f64 / runs));
        figures.push(Figure::one(name("statements"), "per run", (statements_after - statements) as f64 / runs));
        let written = world.bytes_on_disk().saturating_sub(bytes);
        figures.push(Figure::one(name("store grows by"), "bytes per run", written as f64 / runs));
    }
    Ok(figures)
}
