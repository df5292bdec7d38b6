//! Repair: services that change, scripts that are mended, and what must never go live.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod books;
mod drift;
mod lives;
mod night;
mod storm;
#[path = "../support/mod.rs"]
mod support;
