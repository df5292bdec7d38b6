//! The whole measurement: each scenario in turn, then the figures as JSON or as tables.

use std::fmt::Write as _;
use std::io::Write as _;
use std::thread::available_parallelism;

use anyhow::Context;
use serde::Serialize;

use super::args::{Args, Scenario};
use super::figures::Figure;
use super::{flat, listeners, runs, schedules, scripts, start};

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
    /// The shape of this report.
    format: u32,
    version: &'static str,
    /// Whether the compiler optimised: figures of other builds say little.
    optimised: bool,
    system: &'static str,
    store: &'static str,
    processor: &'static str,
    processors: usize,
    scenarios: Vec<Measured>,
}

/// A scenario with its figures.
#[derive(Debug, Serialize)]
struct Measured {
    scenario: &'static str,
    figures: Vec<Figure>,
}

/// The shape of the report; it changes when a reader of the old one would misread the new one.
const FORMAT: u32 = 1;

/// Measures what is asked for, and prints the figures. Called on a thread where actors can live.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut scenarios = Vec::new();
    for scenario in args.scenarios()? {
        let name = scenario.as_str();
        say(&format!("measuring {name} ..."));
        let figures = measure(scenario, &args).await.with_context(|| format!("the scenario `{name}` failed"))?;
        scenarios.push(Measured { scenario: name, figures });
    }
    let report = Report {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        optimised: !cfg!(debug_assertions),
        system: std::env::consts::OS,
        store: if args.store.is_some() { "PostgreSQL" } else { "SQLite" },
        processor: std::env::consts::ARCH,
        processors: available_parallelism().map_or(1, usize::from),
        scenarios,
    };
    let text = if args.json { serde_json::to_string_pretty(&report)? + "\n" } else { report.table() };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

async fn measure(scenario: Scenario, args: &Args) -> anyhow::Result<Vec<Figure>> {
    // Each scenario has a large state of its own, which would otherwise be a part of ours.
    match scenario {
        Scenario::Runs => Box::pin(runs::measure(args.length(), args.store.as_deref())).await,
        Scenario::Flat => Box::pin(flat::measure(args.length())).await,
        Scenario::Sandbox => Box::pin(scripts::starts()).await,
        Scenario::Replay => Box::pin(scripts::replay()).await,
        Scenario::Deadline => Box::pin(scripts::deadline()).await,
        Scenario::Schedules => Box::pin(schedules::measure()).await,
        Scenario::Listeners => Box::pin(listeners::measure()).await,
        Scenario::Start => Box::pin(start::measure()).await,
    }
}

/// Progress goes beside the figures, so that these can be read by a program.
fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

impl Report {
    fn table(&self) -> String {
        let mut text = format!(
            "Steward {} on {} ({}, {} processors), {}\n",
            self.version, self.system, self.processor, self.processors, self.store
        );
        if !self.optimised {
            text.push_str("This build is not optimised; its figures say little.\n");
        }
        let names = self.scenarios.iter().flat_map(|measured| &measured.figures).map(|figure| figure.name.len());
        let width = names.max().unwrap_or(0);
        for Measured { scenario, figures } in &self.scenarios {
            let _ =
                write!(text, "\n{scenario:<width$}  {:>12}  {:>12}  {:>12}  {:>12}\n", "median", "p95", "p99", "max");
            for Figure { name, unit, value, spread } in figures {
                let _ = write!(text, "{name:<width$}  {value:>12}");
                if let Some(spread) = spread {
                    let _ = write!(text, "  {:>12}  {:>12}  {:>12}", spread.p95, spread.p99, spread.max);
                }
                let _ = writeln!(text, "  {unit}");
            }
        }
        text
    }
}
