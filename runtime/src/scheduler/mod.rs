//! Fires schedules, ends sleeps, and notices what should have happened and did not.
//!
//! One supervised loop ([`start_scheduler`]) that holds no timers: it looks in the store for what is due, decides by
//! [`intents::schedule::due`], and stores deliveries and the moved schedule in one commit. Then it sleeps until the
//! next slot or sleep, a hint that something changed, or a bound. So a crash, a lost hint or a jump of the clock
//! costs time, never a slot, and a clock that goes back fires nothing twice.
//!
//! Schedules of automations that are paused or stopped, and all while everything is stopped, move on without a run;
//! the slots that pass are counted in a `schedule.missed` event, and are not made up for afterwards.
//!
//! Now and then a reconciler compares each schedule with what is stored of it, repairs what differs, and says so; and
//! the `expect` clauses of contracts are looked at, so that silence becomes a need.

mod clause;
mod decide;
mod look;
mod reconcile;
mod silence;
#[cfg(test)]
mod tests;

pub(crate) use clause::trigger;
pub use look::start_scheduler;
