//! Stories of the real server: what goes wrong around it and inside it, and what the user sees then.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod approvals;
mod backups;
mod connections;
mod counter;
mod decisions;
mod deletions;
mod doors;
mod ending;
mod figures;
mod files;
mod models;
mod scripts;
mod service;
mod shadow;
mod starts;
mod stops;
#[path = "../support/mod.rs"]
mod support;
mod traces;
mod turns;

use support::{place, recorder};
