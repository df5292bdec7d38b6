//! The checks of a trial, one after the other, on each case.

mod aftermath;
mod contract;
mod crash;
mod fault;
mod look;
mod once;
mod trial;
mod ways;

pub use trial::{FIRST_RUN_EFFECTS_MAX, TIME_MAX, try_out};

pub(super) use trial::Trial;
