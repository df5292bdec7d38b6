//! The frames between the host and the process of an attempt.
//!
//! A frame is its length in four little-endian bytes, and a postcard body. Both sides are the same binary, so the
//! format needs no version. Data travels as JSON text: the engine's own parser makes values of it, once.

mod message;
pub(crate) mod outcome;
mod start;

pub(crate) use message::{encode, take};
pub(crate) use outcome::{Outcome, Settled, outcome};
pub(crate) use start::{Opening, Purpose, Recorded, ToScript, frames};
