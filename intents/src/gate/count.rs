//! Counters: how many calls, or how much of something, there may be in a window.

use std::time::Duration;

use crate::Timestamp;
use crate::amount::Amount;
use crate::canonical::Digest;
use crate::contract::Excess;

/// Something that a call counts against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counter {
    /// What is counted, each on its own: one subject, or one for each recipient. Unique within an automation; never
    /// empty.
    pub subjects: Vec<Digest>,
    /// How much this call adds to each subject.
    pub amount: Amount,
    /// The most of it.
    pub max: Amount,
    /// The window in which it counts; none when it counts for ever.
    pub window: Option<Duration>,
    /// What becomes of a call beyond it.
    pub beyond: Beyond,
}

/// What becomes of a call beyond a counter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beyond {
    /// A limit says it.
    Limit {
        /// What it says.
        excess: Excess,
        /// The clause in plain words.
        words: String,
        /// What tells the clause from others.
        subject: Digest,
    },
    /// The other way round: a person is asked about calls within it, and the rest is trusted.
    Trusted(Box<super::Ground>),
}

/// What an earlier call added to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub amount: Amount,
}

/// Whether there is room for one more call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Free,
    /// There will be.
    Full {
        /// When.
        until: Timestamp,
    },
    /// There never will be: the call alone is more than fits.
    Never,
}

impl Counter {
    /// From when on marks matter; those of all times where it is none.
    pub fn since(&self, now: Timestamp) -> Option<Timestamp> {
        self.window.map(|window| now - window)
    }

    /// Whether there is room, given the marks of each subject in the order of [`Counter::subjects`].
    pub fn room(&self, taken: &[Vec<Mark>], now: Timestamp) -> Room {
        match self.window {
            Some(window) => within_sum(self.max, window, taken.iter().map(Vec::as_slice), self.amount, now),
            None => {
                let full = |marks: &Vec<Mark>| total(marks) + size(self.amount) > size(self.max);
                if taken.iter().any(full) { Room::Never } else { Room::Free }
            }
        }
    }
}

/// Decides whether so much more fits, given what earlier calls added: one list for each subject, in any order. Only what
/// lies in the last window matters.
///
/// Marks in the future of a clock that went back still count, until their window is over on that clock: so at no time
/// does any window hold more than `max`, whatever the clock does.
pub fn within_sum<'m>(
    max: Amount,
    window: Duration,
    taken: impl IntoIterator<Item = &'m [Mark]>,
    amount: Amount,
    now: Timestamp,
) -> Room {
    if amount > max {
        return Room::Never;
    }
    let full_until = |marks: &[Mark]| {
        let mut inside: Vec<_> = marks.iter().filter(|mark| mark.at + window > now).collect();
        inside.sort_unstable_by_key(|mark| mark.at);
        let mut sum = total(inside.iter().copied());
        let mut until = None;
        for mark in inside {
            if sum + size(amount) <= size(max) {
                break;
            }
            // There is room again once enough of the oldest have left the window.
            sum -= size(mark.amount);
            until = Some(mark.at + window);
        }
        until
    };
    match taken.into_iter().filter_map(full_until).max() {
        Some(until) => Room::Full { until },
        None => Room::Free,
    }
}

fn total<'m>(marks: impl IntoIterator<Item = &'m Mark>) -> i128 {
    marks.into_iter().map(|mark| size(mark.amount)).sum()
}

/// Wide enough that no sum of marks overflows.
fn size(amount: Amount) -> i128 {
    i128::from(amount.millionths())
}
