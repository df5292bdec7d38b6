//! Reading beside the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::DbBackend;

use super::cell::FromRow;
use super::postgres::{Address, PostgresReader};
use super::queries::Queries;
use super::sqlite::Sqlite;
use super::statement::Query;
use crate::store::Error;

/// Connections beside the writer's: the screens, the executor and the router read at the same time, no more.
const READERS_MAX: usize = 4;

/// The tables of the schema, each with its indexes and what is kept apart from it.
const TABLE_SIZES: &str = "SELECT pg_total_relation_size(oid) FROM pg_class \
                           WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";

/// What reads what was committed; clones share the connections.
///
/// On SQLite a query runs at once, in the task that asks: it is for what takes microseconds, a row or a page of rows.
/// What looks through a table goes [`at_length`](Self::at_length).
#[derive(Clone)]
pub(in crate::store) struct Reader(Arc<Pool>);

struct Pool {
    connections: Connections,
    next: AtomicUsize,
}

enum Connections {
    Sqlite(Vec<Sqlite>),
    Postgres(Vec<PostgresReader>),
}

impl Reader {
    pub(in crate::store) fn sqlite(file: &Path) -> Result<Self, Error> {
        let connections = (0..READERS_MAX).map(|_| Sqlite::open(file)).collect::<Result<_, _>>()?;
        Ok(Self::over(Connections::Sqlite(connections)))
    }

    pub(in crate::store) fn postgres(address: &Address) -> Self {
        Self::over(Connections::Postgres((0..READERS_MAX).map(|_| PostgresReader::of(address)).collect()))
    }

    fn over(connections: Connections) -> Self {
        Self(Arc::new(Pool { connections, next: AtomicUsize::new(0) }))
    }

    /// For queries that take so long that others must not wait for this thread.
    pub(in crate::store) fn at_length(&self) -> AtLength {
        AtLength(self.clone())
    }

    /// Pages that are used for nothing and could be given to the disk by us.
    pub(in crate::store) async fn free_pages(&self) -> Result<i64, Error> {
        self.page_figure("freelist_count").await
    }

    /// The bytes that the rows of all tables take.
    pub(in crate::store) async fn bytes_of_rows(&self) -> Result<u64, Error> {
        let bytes = match &self.0.connections {
            Connections::Sqlite(_) => {
                let used = self.page_figure("page_count").await? - self.page_figure("freelist_count").await?;
                used * self.page_figure("page_size").await?
            }
            Connections::Postgres(all) => {
                let sizes = self.0.postgres(all).rows::<i64>(&Query::plain(TABLE_SIZES)).await?;
                sizes.into_iter().sum()
            }
        };
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    async fn page_figure(&self, pragma: &str) -> Result<i64, Error> {
        Ok(self.pragma::<i64>(pragma.to_owned()).await?.and_then(|found| found.first().copied()).unwrap_or(0))
    }

    /// What a pragma answers, where there are pragmas.
    pub(in crate::store) async fn pragma<R: FromRow>(&self, pragma: String) -> Result<Option<Vec<R>>, Error> {
        let pool = Arc::clone(&self.0);
        let asked = move || match &pool.connections {
            Connections::Sqlite(all) => pool.sqlite(all).plain(&format!("PRAGMA {pragma}")).map(Some),
            Connections::Postgres(_) => Ok(None),
        };
        apart(asked).await
    }
}

impl Pool {
    /// A connection that is free; when all are taken, one to wait for.
    fn sqlite<'p>(&self, all: &'p [Sqlite]) -> &'p Sqlite {
        all.iter().find(|sqlite| sqlite.is_free()).unwrap_or_else(|| &all[self.turn(all.len())])
    }

    fn postgres<'p>(&self, all: &'p [PostgresReader]) -> &'p PostgresReader {
        all.iter().find(|reader| reader.is_free()).unwrap_or_else(|| &all[self.turn(all.len())])
    }

    fn turn(&self, length: usize) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % length
    }
}

async fn apart<T: Send + 'static>(ask: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(ask).await.unwrap_or(Err(Error::Closed))
}

impl Queries for Reader {
    fn backend(&self) -> DbBackend {
        match self.0.connections {
            Connections::Sqlite(_) => DbBackend::Sqlite,
            Connections::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        match &self.0.connections {
            Connections::Sqlite(all) => self.0.sqlite(all).rows(&query),
            Connections::Postgres(all) => self.0.postgres(all).rows(&query).await,
        }
    }
}

/// The readers, for queries that take their time: elsewhere than in the task that asks.
pub(in crate::store) struct AtLength(Reader);

impl Queries for AtLength {
    fn backend(&self) -> DbBackend {
        self.0.backend()
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        if self.backend() == DbBackend::Postgres {
            return self.0.run(query).await;
        }
        let (reader, system) = (self.0.clone(), tokio::runtime::Handle::current());
        apart(move || system.block_on(reader.run(query))).await
    }
}
