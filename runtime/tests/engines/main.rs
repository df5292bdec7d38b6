//! Engines outside: programs that execute the script's part of a run over HTTP, as they are and as they misbehave.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod artifacts;
mod calls;
mod fencing;
mod holder;
mod protocol;
mod python;
mod service;
#[path = "../support/mod.rs"]
mod support;
mod tokens;
mod world;
