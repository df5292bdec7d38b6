//! For what and for how long a person is asked.

use std::time::Duration;

use crate::Timestamp;

/// How long a question waits, and how long a yes may wait for its use, unless the contract says less: a long weekend.
pub const LIFE_DEFAULT: Duration = Duration::from_secs(3 * 24 * 3600);
/// No question and no yes is older, however often it is put off: the world it was asked about is gone.
pub const LIFE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// For how long a question is put off, unless the person says otherwise.
pub const HOLD_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// Times that a run may ask. A script that asks more often wants a yes by wearing the person out.
pub const ASKS_PER_RUN_MAX: u32 = 200;

/// Until when a question is put off, and when it then expires: what was left of its time waits with it.
pub fn held_until(
    created_at: Timestamp,
    expires_at: Timestamp,
    wanted: Duration,
    now: Timestamp,
) -> (Timestamp, Timestamp) {
    let latest = created_at + LIFE_MAX;
    let until = (now + wanted).min(latest);
    let left = expires_at.since(now);
    (until, (until + left).min(latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(hours: u64) -> Timestamp {
        Timestamp::EPOCH + HOUR * u32::try_from(hours).unwrap()
    }

    #[test]
    fn what_was_left_of_its_time_waits_with_the_question() {
        assert_eq!(held_until(at(0), at(72), HOUR * 24, at(10)), (at(34), at(96)));
        // Again and again: never beyond the bound.
        assert_eq!(held_until(at(0), at(700), HOUR * 1000, at(600)), (at(720), at(720)));
    }
}
