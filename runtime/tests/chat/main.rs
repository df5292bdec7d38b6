//! Stories of conversations: a real server, a model that says what the story wants, piece by piece, and a person.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod bounds;
mod crashes;
mod model;
mod room;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod talk;

use support::{place, recorder};
