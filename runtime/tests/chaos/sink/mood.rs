//! How the service misbehaves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::support::chance::Chance;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// It is performed and answered.
    Well,
    /// It is performed after a while, then answered.
    Late,
    /// It is performed, and answered after a while.
    AnsweredLate,
    /// It is performed, and the connection closes without a word.
    LostAfter,
    /// The connection closes without a word, and nothing is performed.
    LostBefore,
    /// It is performed, and the answer is that the service failed.
    FailedAfter,
    /// It is turned away with 503 and the time to come back at: a proof that nothing was done.
    Busy,
    /// It is turned away with 429: a proof that nothing was done.
    TooMany,
}

impl Fate {
    /// Whether the answer proves that nothing was done.
    pub(crate) const fn proves_nothing_done(self) -> bool {
        match self {
            Self::Busy | Self::TooMany => true,
            Self::Well | Self::Late | Self::AnsweredLate | Self::LostAfter | Self::LostBefore | Self::FailedAfter => {
                false
            }
        }
    }

    /// Whether nobody can tell from the answer whether it was performed.
    pub(crate) const fn is_ambiguous(self) -> bool {
        match self {
            Self::LostAfter | Self::LostBefore | Self::FailedAfter => true,
            Self::Well | Self::Late | Self::AnsweredLate | Self::Busy | Self::TooMany => false,
        }
    }
}

/// How often in a hundred each misbehaviour comes. What is left goes well.
const FATES: [(u64, Fate); 7] = [
    (12, Fate::Late),
    (8, Fate::AnsweredLate),
    (2, Fate::LostAfter),
    (2, Fate::LostBefore),
    (2, Fate::FailedAfter),
    (2, Fate::Busy),
    (2, Fate::TooMany),
];
/// Long enough to be killed in, and far shorter than the time after which absence is said to prove something.
const LATE_MILLIS: (u64, u64) = (10, 250);

/// What becomes of requests, one after another.
pub(super) struct Mood {
    chance: Chance,
    calm: bool,
}

impl Mood {
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed), calm: false }
    }

    /// From now on everything goes well.
    pub(super) fn calm_down(&mut self) {
        self.calm = true;
    }

    pub(super) fn next(&mut self) -> (Fate, Duration) {
        let (mut drawn, wait) = (self.chance.below(100), self.chance.millis(LATE_MILLIS.0, LATE_MILLIS.1));
        if self.calm {
            return (Fate::Well, Duration::ZERO);
        }
        for (percent, fate) in FATES {
            if drawn < percent {
                return (fate, wait);
            }
            drawn -= percent;
        }
        (Fate::Well, wait)
    }
}
