//! The faces of the real server: who is let in, what is answered, and what the command line makes of it.

#[path = "../support/mod.rs"]
mod support;

mod automation;
mod command_line;
mod guard;
mod idempotency;
mod openapi;
mod problems;
mod raw;
mod streams;
mod webhooks;
