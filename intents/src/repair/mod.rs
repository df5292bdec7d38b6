//! Repair: when the maintainer is called, what it may take, and what its proposals must keep.

mod adapter;
mod admit;
mod fidelity;
mod literals;
mod pick;
mod state;

pub use adapter::Adapter;
pub use admit::{Admission, Earlier, Limits, Why, admit};
pub use fidelity::{Unfaithful, faithful};
pub use literals::hard_coded;
pub use pick::{Move, STORM_TRIES_MAX, Standing, pick};
pub use state::{State, UnknownState};
