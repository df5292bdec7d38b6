//! The chat and the demonstration, as whoever types them sees them: the real program, with recorded answers.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

#[path = "../support/mod.rs"]
mod support;

mod demo;
mod lost;
mod recording;
mod saying;
mod terminal;
mod typing;
