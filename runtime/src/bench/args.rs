//! What can be asked for.

use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::bail;

/// Measures on this machine what Steward takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Measure these alone, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Scenario>,
    /// How long each load lasts, in seconds.
    #[arg(long, default_value = "5")]
    pub seconds: NonZeroU32,
    /// The PostgreSQL database to measure the runs on, instead of SQLite: `postgres://…`. What is written there goes
    /// into a schema of its own, which is dropped afterwards.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Runs of three steps, 1, 10 and 50 at once.
    Runs,
    /// The same runs when there are 100,000 and 1,000,000 in the store already.
    Flat,
    /// From the wish for an attempt to the first word of its script.
    Sandbox,
    /// How fast journals are replayed.
    Replay,
    /// How far a script gets past its deadline.
    Deadline,
    /// 100,000 schedules, of which 10,000 are due at the same time.
    Schedules,
    /// 1,000 listeners on what changes.
    Listeners,
    /// How soon the server is ready, and what it holds in memory then.
    Start,
}

impl Scenario {
    /// Every scenario, in the order in which they are measured.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Sandbox,
        Self::Replay,
        Self::Deadline,
        Self::Runs,
        Self::Flat,
        Self::Listeners,
        Self::Schedules,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Flat => "flat",
            Self::Sandbox => "sandbox",
            Self::Replay => "replay",
            Self::Deadline => "deadline",
            Self::Schedules => "schedules",
            Self::Listeners => "listeners",
            Self::Start => "start",
        }
    }
}

impl Args {
    /// What is to be measured.
    pub(super) fn scenarios(&self) -> anyhow::Result<Vec<Scenario>> {
        let wanted = |scenario: &Scenario| match (self.only.as_slice(), &self.store) {
            ([], None) => true,
            ([], Some(_)) => *scenario == Scenario::Runs,
            (only, _) => only.contains(scenario),
        };
        let scenarios: Vec<_> = Scenario::ALL.into_iter().filter(wanted).collect();
        if let (Some(_), Some(other)) = (&self.store, scenarios.iter().find(|scenario| **scenario != Scenario::Runs)) {
            bail!("`{}` is not measured on PostgreSQL; leave out `--store`, or take `--only runs`", other.as_str());
        }
        Ok(scenarios)
    }

    /// How long a load lasts.
    pub(super) fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.get().into())
    }
}
