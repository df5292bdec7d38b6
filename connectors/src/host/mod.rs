//! Tools that the host performs itself, in its own transaction: here are only their definitions.
//!
//! `notify.user` and `events.emit` change something and must be granted like any effect. The others belong to the
//! script's own machinery and are always there.

mod definitions;

pub use definitions::{ALWAYS_GRANTED, definitions};
