//! What the store promises, told as stories over real files: nothing that was acknowledged is lost, nothing happens
//! twice, and nobody changes the record unseen.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may end where it finds something wrong")]

use place::Database;

/// What these stories are told on; `tests/store_postgres` tells them on the other one.
const DATABASE: Database = Database::Sqlite;

mod approvals;
mod archive;
mod audit;
mod batches;
mod chat;
mod cost;
mod effects;
mod erase;
mod folder;
mod growth;
mod inbox;
mod keeping;
mod limits;
mod models;
mod needs;
mod notifications;
mod place;
#[path = "../support/postgres.rs"]
mod postgres;
mod repairs;
mod retention;
mod runs;
mod shadow;
mod storm;
mod trials;
mod waits;
mod world;

#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod power;
#[cfg(target_os = "linux")]
mod shim;
