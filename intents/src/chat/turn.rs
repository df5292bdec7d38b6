//! How a turn goes on: from what a person wrote until there is nothing more to do, within bounds.
//!
//! A turn is a row of steps, each of them durable: an answer of the model, or the outcome of one tool call. What comes next
//! follows from the steps alone, so whoever takes a turn up again goes on where it stood.

use std::time::Duration;

use crate::amount::Amount;
use crate::model::Cost;

/// What a turn may take before the person is asked whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Answers of the model.
    pub answers: u32,
    /// Tool calls.
    pub calls: u32,
    /// Tokens, sent and answered.
    pub tokens: u64,
    /// Money.
    pub cost: Amount,
    /// Time.
    pub time: Duration,
}

impl Bounds {
    /// What a turn may take where it costs at most so much: a long planning session takes a third of it.
    pub const fn costing(cost: Amount) -> Self {
        Self { answers: 40, calls: 120, tokens: 3_000_000, cost, time: Duration::from_secs(30 * 60) }
    }
}

/// What a turn has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Answers of the model.
    pub answers: u32,
    /// Tool calls.
    pub calls: u32,
    /// Tokens.
    pub tokens: u64,
    /// Money, with what is held for calls of which nothing was reported.
    pub cost: Cost,
    /// Time.
    pub time: Duration,
}

/// Where a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The model has not heard of everything yet.
    Unheard,
    /// The last answer calls tools, and this one of them is the next to be carried out.
    Called(usize),
    /// The last answer calls nothing, or a question was put to the person.
    Said,
}

/// What a model call may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Money that is left for the turn.
    pub cost: Amount,
    /// Time that is left for the turn.
    pub time: Duration,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask the model.
    Ask(Allowance),
    /// Carry this call of the last answer out.
    CarryOut(usize),
    /// Nothing: it is the person's turn.
    Rest,
    /// A bound is reached: the person says whether to go on.
    Pause(Bound),
}

/// What there is no more of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Answers.
    Answers,
    /// Tool calls.
    Calls,
    /// Tokens.
    Tokens,
    /// Money.
    Cost,
    /// Time.
    Time,
}

impl Bound {
    /// Which of the bounds is reached, in words.
    pub fn words(self, bounds: &Bounds) -> String {
        match self {
            Self::Answers => format!("{} answers of the model", bounds.answers),
            Self::Calls => format!("{} tool calls", bounds.calls),
            Self::Tokens => format!("{} tokens", bounds.tokens),
            Self::Cost => format!("{} USD", bounds.cost),
            Self::Time => format!("{} minutes", bounds.time.as_secs() / 60),
        }
    }
}

/// Decides what comes next in a turn.
pub fn next(progress: Progress, spent: &Spent, bounds: &Bounds) -> Next {
    match progress {
        Progress::Said => Next::Rest,
        Progress::Called(_) if spent.calls >= bounds.calls => Next::Pause(Bound::Calls),
        Progress::Called(call) => Next::CarryOut(call),
        Progress::Unheard => {
            let left = bounds.cost.millionths().saturating_sub(spent.cost.micros());
            let reached = [
                (spent.answers >= bounds.answers, Bound::Answers),
                (spent.tokens >= bounds.tokens, Bound::Tokens),
                (left <= 0, Bound::Cost),
                (spent.time >= bounds.time, Bound::Time),
            ];
            match reached.into_iter().find(|(reached, _)| *reached) {
                Some((_, bound)) => Next::Pause(bound),
                None => Next::Ask(Allowance {
                    cost: Amount::from_millionths(left).unwrap_or(Amount::ZERO),
                    time: bounds.time - spent.time,
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { answers: 3, calls: 4, tokens: 1000, cost: Amount::whole(1), time: Duration::from_secs(600) };

    #[test]
    fn what_was_said_is_heard_and_what_was_called_is_carried_out() {
        let spent = Spent { cost: Cost::of_amount(Amount::from_millionths(250_000).unwrap()), ..Spent::default() };
        let left = Allowance { cost: Amount::from_millionths(750_000).unwrap(), time: BOUNDS.time };
        assert_eq!(next(Progress::Unheard, &spent, &BOUNDS), Next::Ask(left));
        assert_eq!(next(Progress::Called(2), &spent, &BOUNDS), Next::CarryOut(2));
        assert_eq!(next(Progress::Said, &spent, &BOUNDS), Next::Rest);
    }

    #[test]
    fn every_bound_ends_a_turn_and_none_ends_it_before() {
        for (spent, bound) in [
            (Spent { answers: 3, ..Spent::default() }, Bound::Answers),
            (Spent { tokens: 1000, ..Spent::default() }, Bound::Tokens),
            (Spent { cost: Cost::of_amount(Amount::whole(1)), ..Spent::default() }, Bound::Cost),
            (Spent { time: Duration::from_secs(600), ..Spent::default() }, Bound::Time),
        ] {
            assert_eq!(next(Progress::Unheard, &spent, &BOUNDS), Next::Pause(bound));
            assert_eq!(next(Progress::Said, &spent, &BOUNDS), Next::Rest, "what is over is over");
        }
        let calls = Spent { calls: 4, ..Spent::default() };
        assert_eq!(next(Progress::Called(0), &calls, &BOUNDS), Next::Pause(Bound::Calls));
        let all_but = Spent { answers: 2, calls: 3, tokens: 999, time: Duration::from_secs(599), ..Spent::default() };
        assert!(matches!(next(Progress::Unheard, &all_but, &BOUNDS), Next::Ask(_)));
    }

    #[test]
    fn a_budget_of_zero_asks_nobody() {
        let bounds = Bounds { cost: Amount::ZERO, ..BOUNDS };
        assert_eq!(next(Progress::Unheard, &Spent::default(), &bounds), Next::Pause(Bound::Cost));
    }
}
