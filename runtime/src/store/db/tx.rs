//! One transaction of the writer's.

use std::time::Duration;

use sea_orm::{DbBackend, QueryTrait, StatementBuilder};

use super::cell::FromRow;
use super::queries::Queries;
use super::record::{Record, Sql};
use super::sqlite::Sqlite;
use super::statement::Query;
use crate::store::Error;
use crate::store::active::Tenure;

/// Rows in one statement: what one message to a database holds has a bound.
const ROWS_MAX: usize = 500;

/// What the writer writes to: one connection, which nobody else uses.
pub(in crate::store) enum Writing {
    Sqlite(Sqlite),
    Postgres(Box<Tenure>),
}

impl Writing {
    pub(in crate::store) async fn begin(&self) -> Result<Tx<'_>, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin()?,
            Self::Postgres(tenure) => tenure.begin().await?,
        }
        Ok(Tx { writing: self, open: true })
    }

    /// How often there must be a commit, if only to say that this server lives.
    pub(in crate::store) fn beats_every(&self) -> Option<Duration> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(tenure) => Some(tenure.beats_every()),
        }
    }

    /// Reaches the database again. Says whether what was to be committed when it was lost is on its disk.
    pub(in crate::store) async fn regain(&mut self) -> Result<bool, Error> {
        match self {
            Self::Sqlite(_) => Err(Error::Closed),
            Self::Postgres(tenure) => tenure.regain().await,
        }
    }

    /// Lets go of the database.
    pub(in crate::store) async fn end(self) {
        match self {
            Self::Sqlite(_) => {}
            Self::Postgres(tenure) => tenure.end().await,
        }
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
            Writing::Postgres(tenure) => tenure.commit().await?,
        }
        self.open = false;
        Ok(())
    }

    /// Takes back what was written.
    pub(in crate::store) async fn roll_back(mut self) -> Result<(), Error> {
        self.open = false;
        match self.writing {
            Writing::Sqlite(sqlite) => {
                sqlite.roll_back();
                Ok(())
            }
            Writing::Postgres(tenure) => tenure.roll_back().await,
        }
    }

    /// Adds a row.
    pub(in crate::store) async fn insert<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.insert_all(std::slice::from_ref(row)).await.map(drop)
    }

    /// Adds rows, many with one statement. Returns how many statements it took.
    pub(in crate::store) async fn insert_all<R: Record>(&self, rows: &[R]) -> Result<u64, Error> {
        self.write(rows, |sql| &sql.insert).await
    }

    /// Adds a row, or replaces the one with its key.
    pub(in crate::store) async fn put<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.put_all(std::slice::from_ref(row)).await.map(drop)
    }

    /// Adds rows, or replaces those with their keys, many with one statement. Returns how many statements it took.
    pub(in crate::store) async fn put_all<R: Record>(&self, rows: &[R]) -> Result<u64, Error> {
        self.write(rows, |sql| &sql.put).await
    }

    /// Adds a row, unless there is one with its key: the first stays.
    pub(in crate::store) async fn insert_new<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.write(std::slice::from_ref(row), |sql| &sql.insert_new).await.map(drop)
    }

    /// Replaces the row with its key; there is one. A record of some columns of a table leaves the others as they are.
    pub(in crate::store) async fn update<R: Record>(&self, row: &R) -> Result<(), Error> {
        self.update_all(std::slice::from_ref(row)).await.map(drop)
    }

    /// Replaces the rows with their keys, many with one statement. Returns how many statements it took.
    pub(in crate::store) async fn update_all<R: Record>(&self, rows: &[R]) -> Result<u64, Error> {
        self.write(rows, |sql| &sql.update).await
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
            Writing::Postgres(tenure) => tenure.connection().execute(&query).await,
        }
    }

    /// Gives some freed pages to the disk. PostgreSQL does so by itself.
    pub(in crate::store) async fn shrink(&self, pages: u32) -> Result<(), Error> {
        match self.writing {
            Writing::Sqlite(sqlite) => sqlite.pragma(&format!("incremental_vacuum({pages})")),
            Writing::Postgres(_) => Ok(()),
        }
    }

    async fn write<R: Record>(&self, rows: &[R], which: fn(&Sql) -> &String) -> Result<u64, Error> {
        let sql = which(R::sql().on(self.backend()));
        let mut statements = 0;
        for rows in rows.chunks(ROWS_MAX) {
            statements += 1;
            match self.writing {
                // Prepared once and executed for each row: that is what a statement of many rows does inside, too.
                Writing::Sqlite(sqlite) => sqlite.execute_each(sql, rows.iter().map(Record::cells))?,
                Writing::Postgres(tenure) => tenure.connection().execute_lists(sql, rows).await?,
            }
        }
        Ok(statements)
    }
}

impl Queries for Tx<'_> {
    fn backend(&self) -> DbBackend {
        match self.writing {
            Writing::Sqlite(_) => DbBackend::Sqlite,
            Writing::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        match self.writing {
            Writing::Sqlite(sqlite) => sqlite.rows(&query),
            Writing::Postgres(tenure) => tenure.connection().rows(&query).await,
        }
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            match self.writing {
                Writing::Sqlite(sqlite) => sqlite.roll_back(),
                // The next transaction begins with taking this one back.
                Writing::Postgres(_) => {}
            }
        }
    }
}
