//! What can be asked for.

use std::num::NonZeroU32;
use std::time::Duration;

/// Measures on this machine what Steward takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Measure these alone, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub only: Vec<Scenario>,
    /// How long each load lasts, in seconds.
    #[arg(long, default_value = "5")]
    pub seconds: NonZeroU32,
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
    pub(super) fn scenarios(&self) -> Vec<Scenario> {
        Scenario::ALL.into_iter().filter(|scenario| self.only.is_empty() || self.only.contains(scenario)).collect()
    }

    /// How long a load lasts.
    pub(super) fn length(&self) -> Duration {
        Duration::from_secs(self.seconds.get().into())
    }
}
