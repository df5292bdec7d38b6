//! For what and for how long a person is asked.

use std::time::Duration;

use crate::Timestamp;
use crate::canonical::Digest;

/// How long a question waits, and how long a yes may wait for its use, unless the contract says less: a long weekend.
pub const LIFE_DEFAULT: Duration = Duration::from_secs(3 * 24 * 3600);
/// No question and no yes is older, however often it is put off: the world it was asked about is gone.
pub const LIFE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// For how long a question is put off, unless the person says otherwise.
pub const HOLD_DEFAULT: Duration = Duration::from_secs(24 * 3600);

/// How much one yes covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// One effect.
    Call,
    /// One effect, as long as fewer than so many happened under this clause.
    First {
        /// How many are asked about.
        count: u32,
    },
    /// So many effects that the clause covers, for a time.
    Envelope {
        /// How many.
        at_most: u32,
        /// For how long after the yes.
        lasts: Duration,
    },
}

/// One clause that wants a person's yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The clause: the same in each call under the same contract.
    pub clause: Digest,
    /// The clause in plain words.
    pub words: String,
    /// How much one yes covers.
    pub scope: Scope,
    /// How long the question waits at most.
    pub life: Duration,
}

/// What a person is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet<'a> {
    /// About this one effect, for all these clauses.
    Call(Vec<&'a Ask>),
    /// About an envelope.
    Envelope {
        /// The clause.
        ask: &'a Ask,
        /// How many effects.
        at_most: u32,
        /// For how long after the yes.
        lasts: Duration,
    },
}

/// Decides what is to be asked, given the clauses that are not met yet; none when all are.
///
/// Whoever is asked about the one effect is not asked about an envelope as well: the yes to the very effect is enough.
pub fn unmet<'a>(asks: &[&'a Ask]) -> Option<Unmet<'a>> {
    let mut envelopes = Vec::new();
    for ask in asks {
        match ask.scope {
            Scope::Call | Scope::First { .. } => return Some(Unmet::Call(asks.to_vec())),
            Scope::Envelope { at_most, lasts } => envelopes.push(Unmet::Envelope { ask, at_most, lasts }),
        }
    }
    envelopes.into_iter().next()
}

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

    fn ask(name: &str, scope: Scope) -> Ask {
        Ask { clause: Digest::of(name.as_bytes()), words: name.to_owned(), scope, life: LIFE_DEFAULT }
    }

    #[test]
    fn an_envelope_is_asked_about_only_where_it_is_enough() {
        let envelope = ask("envelope", Scope::Envelope { at_most: 20, lasts: HOUR });
        let first = ask("first", Scope::First { count: 3 });
        let Some(Unmet::Envelope { ask: asked, at_most: 20, .. }) = unmet(&[&envelope]) else { panic!("no envelope") };
        assert_eq!(asked, &envelope);
        assert_eq!(unmet(&[&envelope, &first]), Some(Unmet::Call(vec![&envelope, &first])));
        assert_eq!(unmet(&[]), None);
    }
}
