//! How much of a storm it is to be.

use crate::support::chance::Chance;

/// How often and with which seed.
pub(crate) struct Plan {
    pub(crate) kills: u64,
    pub(crate) seed: u64,
}

/// Enough to see that the harness works; `make chaos` takes 1,000.
const KILLS: u64 = 25;
const SEED: u64 = 20_261_120;
/// One of so many kills hits a first start.
const FIRST_STARTS_SHARE: u64 = 25;
/// To be taken over takes as long as some twenty starts.
const TAKEOVERS_SHARE: u64 = 20;

impl Plan {
    pub(crate) fn from_environment() -> Self {
        let kills = std::env::var("KILLS").ok().map(|text| text.parse().expect("KILLS is a whole number"));
        Self { kills: kills.unwrap_or(KILLS), seed: Chance::seed(SEED) }
    }

    /// Ends of an active server while another one stands by, of each kind.
    pub(crate) fn takeovers(&self) -> u64 {
        self.kills.div_ceil(TAKEOVERS_SHARE)
    }

    /// Kills of first starts.
    pub(crate) fn first_starts(&self) -> u64 {
        self.kills.div_ceil(FIRST_STARTS_SHARE)
    }

    /// The other kills.
    pub(crate) fn in_the_storm(&self) -> u64 {
        self.kills - self.first_starts().min(self.kills)
    }
}
