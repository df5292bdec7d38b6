//! Conversations, as they are kept: threads with their messages, steps and cards, sealed under a key of each thread.
//!
//! What a person sees and what the model sees are written in one commit. A step has a number, and whoever adds one says
//! which is the last that they know: of two who go on with the same thread one is told that it has moved.

mod advance;
mod card;
mod read;
mod say;
mod sealed;
mod thread;

pub use advance::{AdvanceThread, NewCard, NewStep};
pub(in crate::store) use thread::sweep;
