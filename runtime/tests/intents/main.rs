//! What people ask for, from the sentence to what arrives at real services, with what goes wrong in between.
//!
//! Each story plays a conversation of `fixtures/intents/`: a person's words, and what a model answered. The services are
//! real ones on this machine; nothing of the way between them and the words is simulated.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

mod archive_files;
mod calendar;
mod conversation;
mod delegated;
mod feed_digest;
mod homelab_guard;
mod malice;
mod payment_reminders;
mod price_watch;
mod quake_alerts;
mod release_mirror;
#[path = "../support/mod.rs"]
mod support;
mod timesheets;
