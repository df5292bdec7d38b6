//! One transaction of the writer's.

use sea_orm::{DbBackend, QueryTrait, StatementBuilder};

use super::cell::FromRow;
use super::queries::Queries;
use super::record::Record;
use super::sqlite::Sqlite;
use super::statement::Query;
use crate::store::Error;

/// What the writer writes to: one connection, which nobody else uses.
pub(in crate::store) enum Writing {
    Sqlite(Sqlite),
}

impl Writing {
    pub(in crate::store) async fn begin(&self) -> Result<Tx<'_>, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin()?,
        }
        Ok(Tx { writing: self, open: true })
    }
}

/// A transaction; taken back when it is dropped before its commit.
///
/// It reads by [`Queries`], and sees what it wrote.
pub(in crate::store) struct Tx<'w> {
    writing: &'w Writing,
    open: bool,
}

impl Tx<'_> {
    /// Makes what was written last.
    pub(in crate::store) async fn commit(mut self) -> Result<(), Error> {
        match self.writing {
            Writing::Sqlite(sqlite) => sqlite.commit()?,
        }
        self.open = false;
        Ok(())
    }

    /// Adds a row.
    pub(in crate::store) async fn insert<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.insert_all(std::slice::from_ref(row)).await
    }

    /// Adds rows, with one statement.
    pub(in crate::store) async fn insert_all<R: Record>(&self, rows: &[R]) -> Result<(), Error> {
        self.write(&R::sql().insert, rows).await
    }

    /// Adds a row, or replaces the one with its key.
    pub(in crate::store) async fn put<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.put_all(std::slice::from_ref(row)).await
    }

    /// Adds rows, or replaces those with their keys, with one statement.
    pub(in crate::store) async fn put_all<R: Record>(&self, rows: &[R]) -> Result<(), Error> {
        self.write(&R::sql().put, rows).await
    }

    /// Adds a row, unless there is one with its key: the first stays.
    pub(in crate::store) async fn insert_new<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.write(&R::sql().insert_new, std::slice::from_ref(row)).await
    }

    /// Replaces the row with its key; there is one.
    pub(in crate::store) async fn update<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.update_all(std::slice::from_ref(row)).await
    }

    /// Replaces the rows with their keys; there are such.
    pub(in crate::store) async fn update_all<R: Record>(&self, rows: &[R]) -> Result<(), Error> {
        self.write(&R::sql().update, rows).await
    }

    /// Changes or deletes what a statement says; returns how many rows.
    pub(in crate::store) async fn change(&self, statement: impl QueryTrait) -> Result<u64, Error> {
        self.execute(statement.as_query()).await
    }

    /// The same for a statement that is not about one entity.
    pub(in crate::store) async fn execute(&self, statement: &impl StatementBuilder) -> Result<u64, Error> {
        let query = Query::of(statement, self.backend());
        match self.writing {
            Writing::Sqlite(sqlite) => sqlite.execute(&query.sql, &query.cells()?),
        }
    }

    /// Runs a pragma.
    pub(in crate::store) async fn pragma(&self, pragma: &str) -> Result<(), Error> {
        match self.writing {
            Writing::Sqlite(sqlite) => sqlite.pragma(pragma),
        }
    }

    async fn write<R: Record>(&self, sql: &str, rows: &[R]) -> Result<(), Error> {
        match self.writing {
            // Prepared once and executed for each row: that is what a statement of many rows does inside, too.
            Writing::Sqlite(sqlite) => sqlite.execute_each(sql, rows.iter().map(Record::cells)),
        }
    }
}

impl Queries for Tx<'_> {
    fn backend(&self) -> DbBackend {
        match self.writing {
            Writing::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        match self.writing {
            Writing::Sqlite(sqlite) => sqlite.rows(&query),
        }
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            match self.writing {
                Writing::Sqlite(sqlite) => sqlite.roll_back(),
            }
        }
    }
}
