//! Stories of being told: a real server, a real mail server, and a person with a phone.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod attacks;
mod inbox;
mod phone;
#[path = "../support/mod.rs"]
mod support;
mod told;
mod webhook;

use support::{mailbox, place, recorder};
