//! The words of Steward and its pure decisions.
//!
//! Everything here is a value or a function from values to values: no async, no IO, no SQL, no actors,
//! and no clock. `now` is always an argument. What should happen is returned; somebody else makes it happen.

pub mod canonical;
pub mod effect;
pub mod failure;
pub mod id;
pub mod journal;
pub mod label;
pub mod need;
pub mod outcome;
pub mod pointer;
pub mod run;
pub mod time;
pub mod tool;

pub use time::Timestamp;
