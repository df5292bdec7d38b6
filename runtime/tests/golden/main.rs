//! Golden runs and bundles, over the real server and the real command line.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test may end where it finds something wrong")]

mod bundles;
mod house;
mod kept;
#[path = "../support/mod.rs"]
mod support;
mod upgrade;

use support::place;
