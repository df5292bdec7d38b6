//! Bundles: one file that reproduces a run elsewhere, without the accounts and the people of the place where it ran.
//!
//! A bundle holds the contract, the script, the journal and how the run ended. Secrets and what points to people are
//! replaced by tokens of the same shape, so that the script goes the way that it went. It is read as what a stranger
//! wrote: bounded, checked, and executed in the jail like any script.

mod file;
mod make;
mod replay;
mod tokenised;

pub(crate) use file::unreadable;
pub use file::{BUNDLE_BYTES_MAX, Bundle, BundleV1, FailureV1};
pub use make::bundle_of;
pub use replay::{Outcome, reproduce};
