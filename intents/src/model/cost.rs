//! What a model call costs, exactly.

use std::fmt;
use std::iter::Sum;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// Micro-dollars for a million tokens: a thousand dollars, ten times the dearest model there is. With it and
/// [`TOKENS_MAX`], no sum of a cost overflows.
pub const PRICE_MAX: i64 = 1_000_000_000;
/// Tokens of one call, in or out: a hundred times what the largest model takes.
pub const TOKENS_MAX: u64 = 100_000_000;

/// Parts of a micro-dollar in which costs are kept.
const PARTS: i64 = 1_000_000;

/// Money for model calls, in millionths of a micro-dollar.
///
/// A price is a whole number of micro-dollars for a million tokens, so the price of one token is a whole number of these
/// parts: nothing is ever rounded before it is shown, and the sum of many calls is what the sum of their tokens costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(i64);

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many parts; nothing where the number is negative.
    pub const fn from_parts(parts: i64) -> Self {
        Self(if parts < 0 { 0 } else { parts })
    }

    /// In parts.
    pub const fn parts(self) -> i64 {
        self.0
    }

    /// An amount of dollars.
    pub const fn of_amount(dollars: Amount) -> Self {
        Self(dollars.millionths().saturating_mul(PARTS))
    }

    /// In whole micro-dollars, rounded up.
    pub const fn micros(self) -> i64 {
        self.0 / PARTS + (self.0 % PARTS != 0) as i64
    }

    /// In dollars, rounded up to a whole micro-dollar.
    pub fn dollars(self) -> Amount {
        Amount::from_millionths(self.micros()).unwrap_or_default()
    }

    /// The sum; the largest there is where it would be more.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Self::plus)
    }
}

/// Prints as dollars: `0.0123 USD`.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} USD", self.dollars())
    }
}

/// Tokens of a call, or of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Tokens {
    /// What was sent.
    pub input: u64,
    /// What was answered.
    pub output: u64,
}

impl Tokens {
    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { input: self.input.saturating_add(other.input), output: self.output.saturating_add(other.output) }
    }
}

/// What a model costs, in micro-dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Prices {
    /// What is sent.
    pub input: i64,
    /// What is answered.
    pub output: i64,
}

impl Prices {
    /// Nothing: a model on this machine.
    pub const FREE: Self = Self { input: 0, output: 0 };

    /// Whether both are prices.
    pub fn are_sound(self) -> bool {
        [self.input, self.output].iter().all(|price| (0..=PRICE_MAX).contains(price))
    }

    /// What so many tokens cost.
    pub fn cost(self, tokens: Tokens) -> Cost {
        let part = |tokens: u64, price: i64| i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(price.max(0));
        Cost::from_parts(part(tokens.input, self.input).saturating_add(part(tokens.output, self.output)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cost_is_shown_in_whole_micro_dollars_and_never_too_low() {
        let prices = Prices { input: 150_000, output: 600_000 };
        let cost = prices.cost(Tokens { input: 7, output: 1 });
        assert_eq!((cost.parts(), cost.micros(), cost.to_string().as_str()), (1_650_000, 2, "0.000002 USD"));
        assert_eq!(Cost::of_amount("0.20".parse().unwrap()).micros(), 200_000);
    }

    proptest! {
        #[test]
        fn many_calls_cost_what_the_sum_of_their_tokens_costs(
            calls in prop::collection::vec((0..TOKENS_MAX / 1000, 0..TOKENS_MAX / 1000), 0..20),
            input in 0..=PRICE_MAX,
            output in 0..=PRICE_MAX,
        ) {
            let prices = Prices { input, output };
            let tokens = calls.iter().map(|(input, output)| Tokens { input: *input, output: *output });
            let together = tokens.clone().fold(Tokens::default(), Tokens::plus);
            prop_assert_eq!(tokens.map(|tokens| prices.cost(tokens)).sum::<Cost>(), prices.cost(together));
        }
    }
}
