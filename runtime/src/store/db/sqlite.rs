//! SQLite on a connection of our own, in the thread that asks.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::cell::{Cell, FromRow, Source};
use super::statement::Query;
use crate::store::Error;

/// Another program (a backup, a shell) may hold the file this long before we say so.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept on a connection: more than there are in the store, so that none is prepared twice.
const STATEMENTS_MAX: usize = 256;
/// Pages in memory on a connection, in KiB.
const CACHE_KIB: i64 = 8000;
/// The log is cut back to this after a checkpoint.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// One connection. Only one task uses it at a time; the lock is there to say so.
pub(in crate::store) struct Sqlite(Mutex<Connection>);

impl Sqlite {
    /// Opens the file for reading and writing.
    pub(in crate::store) fn open(file: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(file, flags)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Anything less loses what was acknowledged when the power goes.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // What is erased is overwritten where its page is written anyway: a key is small, and gone with it.
        connection.pragma_update(None, "secure_delete", "FAST")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Self(Mutex::new(connection)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody uses it now.
    pub(super) fn is_free(&self) -> bool {
        self.0.try_lock().is_ok()
    }

    /// Begins a transaction that may write. One that began with a look and wrote later would fail at once, without
    /// waiting its turn, when another program wrote in between.
    pub(super) fn begin(&self) -> Result<(), Error> {
        self.batch("BEGIN IMMEDIATE")
    }

    pub(super) fn commit(&self) -> Result<(), Error> {
        self.batch("COMMIT")
    }

    /// Takes back what was not committed. A full disk may have done so already.
    pub(super) fn roll_back(&self) {
        let connection = self.connection();
        if !connection.is_autocommit() {
            // Should it fail, the next BEGIN says so.
            drop(connection.execute_batch("ROLLBACK"));
        }
    }

    fn batch(&self, sql: &str) -> Result<(), Error> {
        self.connection().prepare_cached(sql)?.execute([])?;
        Ok(())
    }

    pub(in crate::store) fn rows<R: FromRow>(&self, query: &Query) -> Result<Vec<R>, Error> {
        read(&self.connection(), &query.sql, &query.cells()?)
    }

    /// Executes a statement; says how many rows it changed.
    pub(super) fn execute(&self, sql: &str, cells: &[Cell<'_>]) -> Result<u64, Error> {
        let connection = self.connection();
        let changed = connection.prepare_cached(sql)?.execute(params_from_iter(cells))?;
        Ok(changed as u64)
    }

    /// Executes a statement for each row, prepared once.
    pub(super) fn execute_each<'c>(&self, sql: &str, rows: impl Iterator<Item = Vec<Cell<'c>>>) -> Result<(), Error> {
        let connection = self.connection();
        let mut prepared = connection.prepare_cached(sql)?;
        for cells in rows {
            for cell in &cells {
                cell.check()?;
            }
            prepared.execute(params_from_iter(cells))?;
        }
        Ok(())
    }

    /// Runs a pragma to its end: some do a part of their work for each row.
    pub(super) fn pragma(&self, pragma: &str) -> Result<(), Error> {
        let connection = self.connection();
        let mut prepared = connection.prepare(&format!("PRAGMA {pragma}"))?;
        let mut rows = prepared.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    }

    /// What a pragma or another statement in plain text answers.
    pub(in crate::store) fn plain<R: FromRow>(&self, sql: &str) -> Result<Vec<R>, Error> {
        read(&self.connection(), sql, &[])
    }
}

fn read<R: FromRow>(connection: &Connection, sql: &str, cells: &[Cell<'_>]) -> Result<Vec<R>, Error> {
    let mut prepared = connection.prepare_cached(sql)?;
    let mut rows = prepared.query(params_from_iter(cells))?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        read.push(R::from_row(&Source::Sqlite(row))?);
    }
    Ok(read)
}

fn connect(file: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Otherwise each statement with a parameter as its limit is planned anew for each value: a fifth of a point read.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// Asks a file something without changing a byte of it: it may belong to a newer version.
pub(in crate::store) fn look(file: &Path, sql: &str) -> Result<Vec<String>, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    read(&connect(file, flags)?, sql, &[])
}
