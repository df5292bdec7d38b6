//! The faces of the real server: who is let in, what is answered, and what the command line makes of it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

#[path = "../support/mod.rs"]
mod support;

mod automation;
mod command_line;
mod folder;
mod guard;
mod idempotency;
mod openapi;
mod problems;
mod raw;
mod streams;
mod trials;
mod webhooks;
