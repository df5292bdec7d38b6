//! The words of Steward and its pure decisions.
//!
//! Everything here is a value or a function from values to values: no async, no IO, no SQL, no actors,
//! and no clock. `now` is always an argument. What should happen is returned; somebody else makes it happen.

pub mod amount;
pub mod approval;
pub mod canonical;
pub mod chat;
pub mod contract;
pub mod drift;
pub mod effect;
pub mod expect;
pub mod failure;
pub mod gate;
pub mod id;
pub mod incident;
pub mod journal;
pub mod label;
pub mod model;
pub mod need;
pub mod notify;
pub mod outcome;
pub mod pointer;
pub mod redact;
pub mod repair;
pub mod run;
pub mod schedule;
pub mod shadow;
pub mod time;
pub mod tool;
pub mod trial;

pub use time::Timestamp;
