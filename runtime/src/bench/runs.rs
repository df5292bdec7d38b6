//! Runs of three steps: read from a service, work on a hundred items, send the result once.

use std::time::Duration;

use super::figures::{Figure, millis};
use super::ladder;
use super::load::load;
use super::meter::{machine_time, processor_time, resident_mib};
use super::place::Place;
use super::stub::Stub;
use super::world::{Imported, World};
use crate::env::Env;

/// How many clients there are at once, in turn.
const AT_ONCE: [usize; 3] = [1, 10, 50];
/// Runs of one automation at once are bounded, so the clients share several.
const AUTOMATIONS: usize = 10;
/// The first runs fill caches and are not counted.
const WARM_UP: Duration = Duration::from_millis(300);
/// Each load is measured so often, so that a disturbance of one is seen as such.
const ROUNDS: usize = 3;

/// A whole Steward with the automations of the load, and the service that they call.
pub(super) struct Bench {
    pub(super) world: World,
    pub(super) automations: Vec<Imported>,
    stub: Stub,
}

impl Bench {
    /// Starts it, and warms it up.
    pub(super) async fn start(place: Place) -> anyhow::Result<Self> {
        let stub = Stub::start()?;
        let world = World::start(stub.address(), place).await?;
        let mut automations = Vec::with_capacity(AUTOMATIONS);
        for number in 0..AUTOMATIONS {
            let (contract, script) = (ladder::contract(&stub.url()), ladder::script(&stub.url()));
            automations.push(world.import(&format!("bench-{number}"), &contract, &script).await?);
        }
        load(&world, &automations, AUTOMATIONS, WARM_UP, "warm-up").await?;
        Ok(Self { world, automations, stub })
    }

    /// Throws away what it has written.
    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.world.end().await
    }

    /// Measures the load of so many clients, several times. `of` starts the names of the figures.
    pub(super) async fn rounds(&self, of: &str, clients: usize, length: Duration) -> anyhow::Result<Vec<Figure>> {
        let mut seen = Seen::default();
        for round in 0..ROUNDS {
            self.round(clients, length, &format!("{of}/{clients}/{round}"), &mut seen).await?;
        }
        Ok(seen.figures(|what| format!("{of}{clients} at once: {what}")))
    }

    async fn round(&self, clients: usize, length: Duration, name: &str, seen: &mut Seen) -> anyhow::Result<()> {
        let world = &self.world;
        let ((commits, statements), bytes) = (world.store.counts(), world.bytes_on_disk());
        let (ours, stubs, everyones) = (processor_time(), self.stub.processor_time(), machine_time());
        let load = load(world, &self.automations, clients, length, name).await?;
        let stubs = self.stub.processor_time().saturating_sub(stubs);
        let ours = processor_time().saturating_sub(ours).saturating_sub(stubs);
        let everyones = machine_time().zip(everyones).map(|(after, before)| after.saturating_sub(before));
        let runs = load.lengths.len() as f64;
        let (commits_after, statements_after) = world.store.counts();
        seen.speeds.push(runs / load.lasted.as_secs_f64());
        seen.lengths.extend(load.lengths);
        seen.ours.push(millis(&ours) / runs);
        seen.everyones.extend(everyones.map(|everyones| millis(&everyones.saturating_sub(stubs)) / runs));
        seen.commits.push((commits_after - commits) as f64 / runs);
        seen.statements.push((statements_after - statements) as f64 / runs);
        let grown = world.bytes_on_disk().zip(bytes).map(|(after, before)| after.saturating_sub(before) as f64 / runs);
        seen.bytes.extend(grown);
        seen.memory.extend(resident_mib(std::process::id()));
        Ok(())
    }
}

/// What the rounds of one load have shown.
#[derive(Default)]
struct Seen {
    speeds: Vec<f64>,
    lengths: Vec<Duration>,
    ours: Vec<f64>,
    everyones: Vec<f64>,
    commits: Vec<f64>,
    statements: Vec<f64>,
    bytes: Vec<f64>,
    memory: Vec<f64>,
}

impl Seen {
    fn figures(self, name: impl Fn(&str) -> String) -> Vec<Figure> {
        let figures = [
            Figure::many(name("runs"), "per second", self.speeds),
            Figure::lengths(name("from delivery to end"), &self.lengths),
            Figure::many(name("processor, server and clients"), "ms per run", self.ours),
            Figure::many(name("processor, scripts and whatever else goes on included"), "ms per run", self.everyones),
            Figure::many(name("commits"), "per run", self.commits),
            Figure::many(name("statements"), "per run", self.statements),
            Figure::many(name("store grows by"), "bytes per run", self.bytes),
            Figure::many(name("memory of server and clients"), "MiB", self.memory),
        ];
        figures.into_iter().flatten().collect()
    }
}

/// Measures the runs.
pub(super) async fn measure(length: Duration, database: Option<&str>) -> anyhow::Result<Vec<Figure>> {
    let bench = Bench::start(Place::new(database, &Env::real()).await?).await?;
    let mut figures = Vec::new();
    for clients in AT_ONCE {
        figures.extend(bench.rounds("", clients, length).await?);
    }
    bench.end().await?;
    Ok(figures)
}
