//! When a schedule fires: cron lines on a wall clock, and what is due after any downtime or jump of the clock.
//!
//! A slot is identified by its trigger and its time, so it fires once whoever fires it. Two kinds of rules meet a
//! clock change in two ways (see [`Cadence`]):
//!
//! - A **fixed** rule names times of the day (`0 9 * * 1-5`, `0,30 2 * * *`, `0 */2 * * *`). Each of its local times
//!   fires exactly once: one that exists twice at the first of both, one that does not exist at the first instant
//!   after the gap. Several that fall into one gap fire there together, as one slot.
//! - An **interval** rule names a rhythm: every hour, or minutes or seconds as a range or step (`*/15 * * * *`,
//!   `0 * * * *`, `*/5 9-17 * * *`). It follows the hands of the clock through real time: it fires at every instant
//!   whose local time matches, in both halves of a repeated hour, and makes nothing up for a gap.
//!
//! The time zones are those compiled into the program, never those of the machine, so that a schedule means the same
//! everywhere; [`tzdata_version`] names them.

mod admit;
mod cron;
mod due;
mod quiet;
mod slots;
mod zone;

pub use admit::{Admit, CONCURRENT_MAX, Overlap, admit};
pub use cron::{Cadence, CronSpec, MalformedCron};
pub use due::{BEHIND_MAX, CatchUp, Due, FIRE_MAX, MISSED_MAX, Missed, PUNCTUAL, Rule, due};
pub use quiet::{MalformedTime, QuietHours, TimeOfDay};
pub use slots::{latest_slot, next_slot, slot_key, slots_between};
pub use zone::{UnknownZone, Zone, tzdata_version};
