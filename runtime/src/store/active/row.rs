//! The one row that says which server is active, and the lock that goes with it.

use super::contest::ThisServer;
use crate::store::Error;
use crate::store::db::Postgres;

/// The first half of the lock's key; the second is made from the schema, so that several stores fit one database.
const LOCK: i32 = 0x5744_5253;
/// SQLSTATE of a table that is not there comes as text; asking for its name does not fail.
const IS_THERE: &str = "SELECT to_regclass('active_server')::text";
const READ: &str = "SELECT epoch, commits, holder, keys, released FROM active_server WHERE id = 1";

/// Who is active, as the database says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct ActiveServer {
    /// Raised by every takeover.
    pub(in crate::store) epoch: i64,
    /// Counts the commits of every epoch, and the signs of life between them.
    pub(in crate::store) commits: i64,
    /// Which server it is.
    pub(in crate::store) holder: String,
    /// The fingerprint of the keys that everything is written under.
    pub(in crate::store) keys: String,
    /// Whether it has ended in order, so that nobody need wait.
    pub(in crate::store) released: bool,
}

/// Reads the row; none before the first start has made the table.
pub(in crate::store) async fn read(connection: &Postgres) -> Result<Option<ActiveServer>, Error> {
    if connection.ask::<Option<String>>(IS_THERE).await?.into_iter().flatten().next().is_none() {
        return Ok(None);
    }
    let rows: Vec<(i64, i64, String, String, i64)> = connection.ask(READ).await?;
    let row = rows.into_iter().next();
    Ok(row.map(|(epoch, commits, holder, keys, released)| {
        let released = released != 0;
        ActiveServer { epoch, commits, holder, keys, released }
    }))
}

/// Whether a store is being moved to here, and is not complete.
pub(super) async fn is_moving(connection: &Postgres) -> Result<bool, Error> {
    let there = connection.ask::<Option<String>>("SELECT to_regclass('store_move')::text").await?;
    Ok(there.into_iter().flatten().next().is_some())
}

/// Takes the row for a server; returns the new epoch and the count.
pub(super) async fn take(connection: &Postgres, server: &ThisServer) -> Result<(i64, i64), Error> {
    // Both are made of letters, digits and colons.
    let ThisServer { place, keys } = server;
    let sql = format!(
        "INSERT INTO active_server (id, epoch, commits, holder, keys, released) \
         VALUES (1, 1, 0, '{place}', '{keys}', 0) \
         ON CONFLICT (id) DO UPDATE SET epoch = active_server.epoch + 1, holder = excluded.holder, released = 0 \
         RETURNING epoch, commits"
    );
    let rows: Vec<(i64, i64)> = connection.ask(&sql).await?;
    rows.into_iter().next().ok_or_else(|| Error::unreadable("active server", "its row is gone"))
}

/// Begins a transaction and counts it, if the epoch is still this one. The row stays locked until the end, so that
/// nobody takes over in between.
pub(super) fn begin(epoch: i64) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED; \
         UPDATE active_server SET commits = commits + 1 WHERE id = 1 AND epoch = {epoch}"
    )
}

/// Says that nobody need wait for the lease to run out.
pub(super) fn release(epoch: i64) -> String {
    format!("UPDATE active_server SET released = 1 WHERE id = 1 AND epoch = {epoch}")
}

/// Takes the lock for this connection, if nobody has it.
pub(in crate::store) async fn lock(connection: &Postgres) -> Result<bool, Error> {
    let sql = format!("SELECT pg_try_advisory_lock({LOCK}, hashtext(current_schema()))::int");
    Ok(connection.ask::<i64>(&sql).await?.contains(&1))
}

/// Gives the lock back.
pub(super) async fn unlock(connection: &Postgres) -> Result<(), Error> {
    let sql = format!("SELECT pg_advisory_unlock({LOCK}, hashtext(current_schema()))::int");
    connection.ask::<i64>(&sql).await.map(drop)
}

const HOLDERS: &str = "FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

fn of_ours() -> String {
    format!(
        "{HOLDERS} AND classid::bigint = {LOCK} AND objid::bigint = hashtext(current_schema())::bigint & 4294967295"
    )
}

/// The connection that has the lock, by its process on the database's side.
pub(super) async fn lock_holder(connection: &Postgres) -> Result<Option<i64>, Error> {
    Ok(connection.ask::<i64>(&format!("SELECT pid {}", of_ours())).await?.pop())
}

/// Ends the connection that has the lock. What it had not committed is taken back.
pub(super) async fn end_holder(connection: &Postgres) -> Result<(), Error> {
    connection.ask::<i64>(&format!("SELECT pg_terminate_backend(pid)::int {}", of_ours())).await.map(drop)
}

/// The process of this connection on the database's side.
pub(super) async fn own_process(connection: &Postgres) -> Result<i64, Error> {
    Ok(connection.ask::<i64>("SELECT pg_backend_pid()").await?.pop().unwrap_or_default())
}
