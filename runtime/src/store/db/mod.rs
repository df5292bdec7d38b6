//! The engines below the store: one way to ask, whichever database holds the rows.
//!
//! Queries are built with sea-orm and run by [`Queries`]; rows are written by [`Tx`]. On SQLite both work on
//! connections of our own, in the thread that asks: a statement costs some microseconds there, and ten times as much
//! through a driver with a thread of its own. What a table holds is said once, in `rows.rs`.

mod cell;
mod postgres;
mod queries;
mod reader;
mod record;
mod sqlite;
mod statement;
mod tx;

pub(super) use cell::{Cell, Field, FromRow, Kind, Source};
pub(super) use postgres::{Address, Postgres};
pub(super) use queries::Queries;
pub(super) use reader::Reader;
pub(super) use record::{Record, Statements};
pub(super) use sqlite::{Sqlite, look};
pub(super) use statement::Query;
pub(super) use tx::{Tx, Writing};
