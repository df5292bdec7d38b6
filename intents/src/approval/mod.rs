//! Approvals: a person's yes to one effect, or to an envelope of so many.
//!
//! An approval is a row of ours. What it is for is a [`Binding`]: everything that, were it another, would make the
//! effect another. Nothing in a call's arguments can carry one, and one that is bound to anything else does not count.

mod binding;
mod status;
mod terms;

pub use binding::{Binding, Content};
pub use status::{Event, NotNow, Status, UnknownStatus, step};
pub use terms::{ASKS_PER_RUN_MAX, HOLD_DEFAULT, LIFE_DEFAULT, LIFE_MAX, held_until};
