//! The live streams of rooms: everything after a place, and then what comes, as it comes.
//!
//! A listener pulls: it holds its own place and a page of events, so a slow one costs nobody else anything, and one
//! that comes back goes on where it was. The truth is the store; a short tail of the latest events is kept in memory
//! and shared, so that a thousand listeners on one event ask the store once, and write it as text once.

mod error;
mod listener;
mod tail;
#[cfg(test)]
mod tests;
mod told;

pub use error::Error;
pub use listener::{Hub, LISTENERS_MAX};
pub use told::Told;
