//! Does it survive a storm? Every place to die, for every kind of effect identity, over the real store and jail.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::wildcard_enum_match_arm, reason = "a test")]

mod decide;
mod gate;
mod outside;
#[path = "../support/postgres.rs"]
mod postgres;
mod replay;
mod shadow;
mod sweep;
mod time;
mod world;
