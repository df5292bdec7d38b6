//! Reading beside the writer.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::DbBackend;

use super::cell::FromRow;
use super::queries::Queries;
use super::sqlite::Sqlite;
use super::statement::Query;
use crate::store::Error;

/// Connections beside the writer's: the screens, the executor and the router read at the same time, no more.
const READERS_MAX: usize = 4;

/// What reads what was committed; clones share the connections.
///
/// A query runs at once, in the task that asks: it is for what takes microseconds, a row or a page of rows. What looks
/// through a table goes [`at_length`](Self::at_length).
#[derive(Clone)]
pub(in crate::store) struct Reader(Arc<Pool>);

struct Pool {
    connections: Vec<Sqlite>,
    next: AtomicUsize,
}

impl Reader {
    pub(in crate::store) fn sqlite(file: &Path) -> Result<Self, Error> {
        let connections = (0..READERS_MAX).map(|_| Sqlite::open(file)).collect::<Result<_, _>>()?;
        Ok(Self(Arc::new(Pool { connections, next: AtomicUsize::new(0) })))
    }

    /// For queries that take so long that others must not wait for this thread.
    pub(in crate::store) fn at_length(&self) -> AtLength {
        AtLength(self.clone())
    }

    /// What a pragma answers.
    pub(in crate::store) async fn pragma<R: FromRow>(&self, pragma: String) -> Result<Vec<R>, Error> {
        let pool = Arc::clone(&self.0);
        apart(move || pool.with(|sqlite| sqlite.plain(&format!("PRAGMA {pragma}")))).await
    }
}

impl Pool {
    /// Uses a connection that is free; when all are taken, waits for one.
    fn with<T>(&self, ask: impl FnOnce(&Sqlite) -> Result<T, Error>) -> Result<T, Error> {
        let free = self.connections.iter().find(|sqlite| sqlite.is_free());
        let turn = || self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        ask(free.unwrap_or_else(|| &self.connections[turn()]))
    }
}

async fn apart<T: Send + 'static>(ask: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(ask).await.unwrap_or(Err(Error::Closed))
}

impl Queries for Reader {
    fn backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        self.0.with(|sqlite| sqlite.rows(&query))
    }
}

/// The readers, for queries that take their time: elsewhere than in the task that asks.
pub(in crate::store) struct AtLength(Reader);

impl Queries for AtLength {
    fn backend(&self) -> DbBackend {
        self.0.backend()
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        let pool = Arc::clone(&self.0.0);
        apart(move || pool.with(|sqlite| sqlite.rows(&query))).await
    }
}
