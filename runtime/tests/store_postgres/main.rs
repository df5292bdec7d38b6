//! The stories of `tests/store`, told on a real PostgreSQL, and those of several servers on one database.
//!
//! `scripts/test.sh` starts a server for them; without one they are left out, and say so.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

use place::Database;

/// What these stories are told on.
const DATABASE: Database = Database::Postgres;

#[path = "../store/approvals.rs"]
mod approvals;
#[path = "../store/archive.rs"]
mod archive;
#[path = "../store/audit.rs"]
mod audit;
#[path = "../store/batches.rs"]
mod batches;
#[path = "../store/chat.rs"]
mod chat;
#[path = "../store/cost.rs"]
mod cost;
#[path = "../store/effects.rs"]
mod effects;
#[path = "../store/inbox.rs"]
mod inbox;
#[path = "../store/keeping.rs"]
mod keeping;
#[path = "../store/limits.rs"]
mod limits;
#[path = "../store/models.rs"]
mod models;
#[path = "../store/needs.rs"]
mod needs;
#[path = "../store/notifications.rs"]
mod notifications;
#[path = "../store/place.rs"]
mod place;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../store/repairs.rs"]
mod repairs;
#[path = "../store/retention.rs"]
mod retention;
#[path = "../store/runs.rs"]
mod runs;
#[path = "../store/shadow.rs"]
mod shadow;
#[path = "../store/storm.rs"]
mod storm;
#[path = "../store/trials.rs"]
mod trials;
#[path = "../store/waits.rs"]
mod waits;
#[path = "../store/world.rs"]
mod world;

mod active;
mod proxy;
mod transfer;
