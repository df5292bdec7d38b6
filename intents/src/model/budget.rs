//! Whether there is money for a call.

use std::time::Duration;

use super::cost::Cost;
use crate::amount::Amount;

/// A budget's day: any 24 hours, since a calendar day would allow twice the amount around midnight.
pub const WINDOW_DAY: Duration = Duration::from_secs(86_400);
/// A budget's month: any 30 days, as for the budgets of contracts.
pub const WINDOW_MONTH: Duration = Duration::from_secs(30 * 86_400);

/// What may be spent, in US dollars. What is not stated is not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// By everything, in any 24 hours.
    pub day: Option<Amount>,
    /// By everything, in any 30 days.
    pub month: Option<Amount>,
    /// By the automation that the call is for, in any 30 days.
    pub automation: Option<Amount>,
    /// By this call.
    pub call: Option<Amount>,
}

/// What is spent and reserved already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// By everything, in the last 24 hours.
    pub day: Cost,
    /// By everything, in the last 30 days.
    pub month: Cost,
    /// By the automation that the call is for, in the last 30 days.
    pub automation: Cost,
}

/// Which budget a call would go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// The budget in words.
    pub which: &'static str,
    /// What it allows.
    pub max: Amount,
    /// What is spent and reserved of it.
    pub spent: Cost,
}

impl Limits {
    /// Lets a call pass that costs at most so much, or says which budget it would go beyond. A budget of zero lets no
    /// call pass, even one that costs nothing.
    pub fn check(&self, spent: &Spent, worst: Cost) -> Result<(), Over> {
        let bounds = [
            ("this call", self.call, Cost::ZERO),
            ("the automation in any 30 days", self.automation, spent.automation),
            ("everything in any 24 hours", self.day, spent.day),
            ("everything in any 30 days", self.month, spent.month),
        ];
        for (which, max, spent) in bounds {
            if let Some(max) = max
                && (max == Amount::ZERO || spent.plus(worst) > Cost::of_amount(max))
            {
                return Err(Over { which, max, spent });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollars(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn a_call_passes_to_the_last_part_and_not_beyond() {
        let limits = Limits { day: Some(dollars("0.01")), ..Limits::default() };
        let spent = Spent { day: Cost::from_parts(9_999_999_999), ..Spent::default() };
        assert_eq!(limits.check(&spent, Cost::from_parts(1)), Ok(()));
        let over = limits.check(&spent, Cost::from_parts(2)).unwrap_err();
        assert_eq!((over.which, over.max), ("everything in any 24 hours", dollars("0.01")));
    }

    #[test]
    fn a_budget_of_zero_lets_not_even_free_calls_pass() {
        for limits in [
            Limits { day: Some(Amount::ZERO), ..Limits::default() },
            Limits { month: Some(Amount::ZERO), ..Limits::default() },
            Limits { automation: Some(Amount::ZERO), ..Limits::default() },
            Limits { call: Some(Amount::ZERO), ..Limits::default() },
        ] {
            assert!(limits.check(&Spent::default(), Cost::ZERO).is_err(), "{limits:?}");
        }
        assert_eq!(Limits::default().check(&Spent::default(), Cost::from_parts(i64::MAX)), Ok(()));
    }

    #[test]
    fn the_narrowest_budget_is_named() {
        let limits = Limits { automation: Some(dollars("0.2")), day: Some(dollars("5")), ..Limits::default() };
        let spent = Spent { automation: Cost::of_amount(dollars("0.19")), ..Spent::default() };
        let over = limits.check(&spent, Cost::of_amount(dollars("0.02"))).unwrap_err();
        assert_eq!(over.which, "the automation in any 30 days");
    }
}
