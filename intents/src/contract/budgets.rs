//! What may be spent.

use crate::Timestamp;
use crate::amount::Amount;
use crate::gate::{Mark, Room, within_sum};
use crate::time::Span;

/// What an automation may spend in any month or week. What is not stated is bounded by the settings alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budgets {
    /// US dollars for model calls, and for every other tool that costs something, in any 30 days.
    pub model_cost_per_month: Option<Amount>,
    /// Repairs in any 7 days.
    pub repairs_per_week: Option<u32>,
}

/// A budget's month: any 30 days, since a calendar month would allow twice the amount around its first day.
pub const MONTH: Span = Span::new(std::time::Duration::from_secs(30 * 86_400));
/// A budget's week: any 7 days.
pub const WEEK: Span = Span::new(std::time::Duration::from_secs(7 * 86_400));

impl Budgets {
    /// Whether nothing is bounded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether so much more may be spent on models now, given what was spent before.
    pub fn room_for_cost(&self, spent: &[Mark], cost: Amount, now: Timestamp) -> Room {
        within_budget(self.model_cost_per_month, MONTH, spent, cost, now)
    }

    /// Whether one more repair may be made now, given when the earlier ones were made.
    pub fn room_for_repair(&self, made: &[Mark], now: Timestamp) -> Room {
        within_budget(self.repairs_per_week.map(Amount::whole), WEEK, made, Amount::ONE, now)
    }
}

fn within_budget(max: Option<Amount>, window: Span, spent: &[Mark], cost: Amount, now: Timestamp) -> Room {
    match max {
        None => Room::Free,
        Some(max) => within_sum(max, window.duration(), [spent], cost, now),
    }
}
