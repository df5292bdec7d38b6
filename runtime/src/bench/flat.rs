//! Whether a run costs the same when there have been a hundred thousand, or a million.

use std::time::Duration;

use super::figures::Figure;
use super::place::Place;
use super::prefill::prefill;
use super::runs::Bench;

/// Runs in the store before the measurement, in turn.
const BEFORE: [u32; 3] = [0, 100_000, 1_000_000];
/// Clients at once: one, and as many as share commits well.
const AT_ONCE: [usize; 2] = [1, 50];

/// Measures the runs on stores of each size.
pub(super) async fn measure(length: Duration) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let bench = Bench::start(Place::Folder).await?;
    let mut there = 0;
    for before in BEFORE {
        prefill(&bench.world.database(), there, before)?;
        there = before;
        bench.world.store.checkpoint().await?;
        for clients in AT_ONCE {
            figures.extend(bench.rounds(&format!("after {before} runs, "), clients, length).await?);
        }
    }
    bench.end().await?;
    Ok(figures)
}
