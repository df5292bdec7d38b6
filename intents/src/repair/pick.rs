//! Which repairs are worked on next, and which are given up together.
//!
//! Automations that fail on the same service in the same way are a storm. One of them is looked at first: what helps it
//! is tried on the others before a model is asked again. When the first ones cannot be repaired, the others are not tried
//! at all: one person decides once about all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::state::State;
use crate::Timestamp;
use crate::amount::Amount;
use crate::canonical::Digest;
use crate::model::Cost;

/// Repairs of one storm that are tried before all of it is given up.
pub const STORM_TRIES_MAX: usize = 2;
/// Failures further apart have nothing to do with each other.
const STORM_WINDOW: Duration = Duration::from_secs(6 * 3600);
/// Repairs at once: each may try a script out, which keeps a processor busy.
const AT_ONCE_MAX: usize = 2;

/// A repair as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<Id> {
    /// Its id.
    pub id: Id,
    /// Where it stands.
    pub state: State,
    /// What it shares with others of its storm: the service and the way of failing.
    pub storm: Digest,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Whether a session of this server works on it.
    pub is_held: bool,
}

/// What is done about a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move<Id> {
    /// The maintainer takes it up.
    TakeUp(Id),
    /// These are given up together: others of their storm could not be repaired.
    GiveUpStorm(Vec<Id>),
    /// These are given up: there is no money left for today.
    GiveUpBroke(Vec<Id>),
}

/// Decides what is done next. `all` are those that are open, and those that were given up lately, oldest first; `left` is
/// what may still be spent today.
pub fn pick<Id: Copy + Ord>(all: &[Standing<Id>], spent: Cost, budget: Amount, now: Timestamp) -> Vec<Move<Id>> {
    let mut given_up: BTreeMap<&Digest, usize> = BTreeMap::new();
    for one in all.iter().filter(|one| one.state == State::GivenUp && now.since(one.updated_at) < STORM_WINDOW) {
        *given_up.entry(&one.storm).or_insert(0) += 1;
    }
    let queued = || all.iter().filter(|one| one.state == State::Queued);
    let is_over = |one: &Standing<Id>| given_up.get(&one.storm).is_some_and(|tries| *tries >= STORM_TRIES_MAX);
    let mut moves = Vec::new();
    let mut storms: BTreeMap<&Digest, Vec<Id>> = BTreeMap::new();
    for one in queued().filter(|one| is_over(one)) {
        storms.entry(&one.storm).or_default().push(one.id);
    }
    moves.extend(storms.into_values().map(Move::GiveUpStorm));
    let left: Vec<_> = queued().filter(|one| !is_over(one)).collect();
    if !left.is_empty() && spent.micros() >= budget.millionths() {
        moves.push(Move::GiveUpBroke(left.iter().map(|one| one.id).collect()));
        return moves;
    }
    let working = || all.iter().filter(|one| one.state == State::Working);
    let mut busy: BTreeSet<&Digest> = working().map(|one| &one.storm).collect();
    let mut held = working().filter(|one| one.is_held).count();
    // What a server that died worked on goes on first.
    for one in working().filter(|one| !one.is_held) {
        if held < AT_ONCE_MAX {
            held += 1;
            moves.push(Move::TakeUp(one.id));
        }
    }
    for one in left {
        if held < AT_ONCE_MAX && busy.insert(&one.storm) {
            held += 1;
            moves.push(Move::TakeUp(one.id));
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

    fn one(id: u32, state: State, storm: &str) -> Standing<u32> {
        Standing { id, state, storm: Digest::of(storm.as_bytes()), updated_at: NOW, is_held: false }
    }

    fn picked(all: &[Standing<u32>]) -> Vec<Move<u32>> {
        pick(all, Cost::ZERO, Amount::ONE, NOW)
    }

    #[test]
    fn of_a_storm_one_is_looked_at_first() {
        let mut all: Vec<_> = (0..50).map(|id| one(id, State::Queued, "books")).collect();
        assert_eq!(picked(&all), [Move::TakeUp(0)]);
        all[0] = Standing { is_held: true, ..one(0, State::Working, "books") };
        assert_eq!(picked(&all), []);
        all[0].state = State::GivenUp;
        assert_eq!(picked(&all), [Move::TakeUp(1)]);
        all[1].state = State::GivenUp;
        assert_eq!(picked(&all), [Move::GiveUpStorm((2..50).collect())]);
        all[0].updated_at = NOW - STORM_WINDOW;
        assert_eq!(picked(&all), [Move::TakeUp(2)], "what was given up long ago is another matter");
    }

    #[test]
    fn different_failures_go_on_beside_each_other_within_a_bound() {
        let all = [one(1, State::Queued, "a"), one(2, State::Queued, "b"), one(3, State::Queued, "c")];
        assert_eq!(picked(&all), [Move::TakeUp(1), Move::TakeUp(2)]);
    }

    #[test]
    fn what_was_left_by_a_server_that_died_goes_on() {
        let all = [one(1, State::Queued, "a"), one(2, State::Working, "a")];
        assert_eq!(picked(&all), [Move::TakeUp(2)]);
    }

    #[test]
    fn without_money_nothing_is_begun() {
        let all = [one(1, State::Queued, "a"), one(2, State::Queued, "b")];
        let spent = Cost::of_amount(Amount::ONE);
        assert_eq!(pick(&all, spent, Amount::ONE, NOW), [Move::GiveUpBroke(vec![1, 2])]);
        assert_eq!(pick(&[one(1, State::Working, "a")], spent, Amount::ONE, NOW), [Move::TakeUp(1)]);
        assert_eq!(pick(&[one(1, State::Confirming, "a")], spent, Amount::ONE, NOW), []);
    }
}
