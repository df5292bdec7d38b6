//! One active server on a database that several can reach.
//!
//! The active server holds an advisory lock on the connection that it writes by, and counts every commit in the one row
//! of `active_server`, in the same transaction: so a server that was overtaken cannot commit, and since no effect starts
//! before its commit, cannot act either. Others stand by. They watch the count, and when it has stood still for the
//! length of the lease they end the old connection, take the lock and raise the epoch. No clock of one server is
//! compared with that of another.

mod contest;
mod lease;
mod row;
mod tenure;

pub(super) use contest::{ThisServer, contend};
pub(super) use lease::Lease;
pub(super) use row::{ActiveServer, lock, read};
pub(super) use tenure::Tenure;

pub use contest::{Postgres, Standing, Tell};
pub use lease::RunOut;
