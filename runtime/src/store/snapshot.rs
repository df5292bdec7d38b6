//! The store as it is at one moment, read while others go on writing.

use std::path::Path;
use std::time::Duration;

use intents::canonical::Digest;
use sea_orm::sea_query::{Alias, Expr, ExprTrait};
use sea_orm::{DbBackend, EntityTrait, QueryOrder, QuerySelect};
use tokio::sync::mpsc;

use super::active::Postgres;
use super::anchor::ANCHOR_FILE;
use super::archive;
use super::db::{Address, FromRow, Postgres as PostgresConnection, Queries, Query, Sqlite};
use super::piece::{Cutter, Piece, size_of_cell};
use super::rows::event;
use super::tables::{self, Row};
use super::{Anchor, Error, Table, audit};

/// Rows that are read at once. Fewer, where they are long.
const PAGE_ROWS: u64 = 256;
/// A page that is longer than this is followed by a shorter one.
const PAGE_BYTES: usize = 4 << 20;

/// A database that does not give a page within this time will not give the others.
const PAGE_WITHIN: Duration = Duration::from_secs(60);

/// The store as it is at one moment. Holding it keeps nobody from writing; it keeps the database from giving back
/// space that was used at that moment, so it is not held for longer than it takes to read.
pub struct Snapshot {
    connection: Connection,
    /// The anchor as it was a moment before.
    anchor: Option<Anchor>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

enum Connection {
    Sqlite(Sqlite),
    Postgres(Box<PostgresConnection>),
}

impl Queries for Snapshot {
    fn backend(&self) -> DbBackend {
        match self.connection {
            Connection::Sqlite(_) => DbBackend::Sqlite,
            Connection::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn run<R: FromRow>(&self, query: Query) -> Result<Vec<R>, Error> {
        match &self.connection {
            Connection::Sqlite(sqlite) => sqlite.rows(&query),
            Connection::Postgres(postgres) => postgres.rows(&query).await,
        }
    }
}

/// Where all events stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventsHead {
    /// The position of the last event.
    pub position: i64,
    /// The chain over all events up to it.
    pub chain: Digest,
}

impl Snapshot {
    /// Takes the snapshot of the store that belongs to a folder. A server may be running on it, or not.
    pub async fn open(folder: &Path, postgres: Option<&Postgres>) -> Result<Self, Error> {
        match postgres {
            Some(postgres) => Self::of_postgres(folder, postgres).await,
            None => Self::of_folder(folder).await,
        }
    }

    async fn of_postgres(folder: &Path, postgres: &Postgres) -> Result<Self, Error> {
        let anchor = Anchor::read(&folder.join(ANCHOR_FILE)).ok().flatten();
        let connection = Address::parse(&postgres.url)?.connect(&[], PAGE_WITHIN).await?;
        connection.plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned()).await?;
        Self { connection: Connection::Postgres(Box::new(connection)), anchor }.begun().await
    }

    async fn of_folder(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("steward.db");
        if !file.is_file() {
            return Err(Error::NotFound { what: "database", which: file.display().to_string() });
        }
        // Before the snapshot, so that it does not stand for events that are not in it.
        let anchor = Anchor::read(&folder.join(ANCHOR_FILE)).ok().flatten();
        let connection = Sqlite::open(&file)?;
        connection.plain::<i64>("BEGIN")?;
        Self { connection: Connection::Sqlite(connection), anchor }.begun().await
    }

    /// The moment is that of the first read.
    async fn begun(self) -> Result<Self, Error> {
        self.last_position().await?;
        Ok(self)
    }

    /// The kind of database, as people call it.
    pub fn database(&self) -> &'static str {
        if self.backend() == DbBackend::Postgres { "postgresql" } else { "sqlite" }
    }

    /// The migrations that the database has, oldest first. Refused where this version would read it wrongly.
    pub async fn migrations(&self) -> Result<Vec<String>, Error> {
        let (there, known) = (
            self.run::<String>(Query::plain("SELECT version FROM seaql_migrations ORDER BY version")).await?,
            migrations::known(),
        );
        if let Some(migration) = there.iter().find(|migration| !known.contains(migration)) {
            return Err(Error::Newer { migration: migration.clone() });
        }
        if there.len() < known.len() {
            return Err(Error::Conflict {
                code: "STORE_OLDER",
                reason: "the database was written by an older Steward; start this version once, and it is brought up to date"
                    .to_owned(),
            });
        }
        Ok(known)
    }

    async fn last_position(&self) -> Result<i64, Error> {
        let last = event::Entity::find().select_only().column(event::Column::Position);
        let last: Option<i64> = self.tuple(last.order_by_desc(event::Column::Position)).await?;
        match last {
            Some(position) => Ok(position),
            None => Ok(archive::checkpoints(self).await?.last().map_or(0, |checkpoint| checkpoint.last)),
        }
    }

    /// Where all events stand. The chain goes on from the anchor, where that is genuine.
    pub async fn head(&self, key: &[u8; 32]) -> Result<EventsHead, Error> {
        let last = self.last_position().await?;
        let anchored = self.anchor.as_ref().filter(|anchor| anchor.is_genuine(key));
        let (from, chain) = match anchored.filter(|anchor| anchor.position <= last) {
            Some(anchor) => (anchor.position, anchor.chain),
            None => {
                let EventsHead { position, chain } = self.beginning(key).await?;
                (position, chain)
            }
        };
        let (position, chain) = audit::chain_from(self, from, chain).await?;
        Ok(EventsHead { position, chain })
    }

    /// Where the events begin that are in the table: after the last archived segment.
    pub async fn beginning(&self, key: &[u8; 32]) -> Result<EventsHead, Error> {
        let archive::Beginning { position, chain, genuine } = archive::beginning(self, key).await?;
        if !genuine {
            return Err(Error::unreadable("archive", "its last checkpoint was not signed by this installation"));
        }
        Ok(EventsHead { position, chain })
    }

    /// The files of the archive that this snapshot stands on.
    pub async fn archive_files(&self) -> Result<Vec<String>, Error> {
        let checkpoints = archive::checkpoints(self).await?;
        Ok(checkpoints.into_iter().map(|checkpoint| format!("{}/{}", archive::FOLDER, checkpoint.file)).collect())
    }

    /// Reads a table in its order, piece by piece. Ends early when nobody takes the pieces any more.
    pub async fn pieces(&self, table: Table, to: &mpsc::Sender<Piece>) -> Result<(), Error> {
        self.pieces_after(table, None, to).await
    }

    /// The same for the rows behind a place.
    pub(super) async fn pieces_after(
        &self,
        table: Table,
        mut after: Option<Row>,
        to: &mpsc::Sender<Piece>,
    ) -> Result<(), Error> {
        let mut cutter = Cutter::new(table);
        let mut most = PAGE_ROWS;
        loop {
            let page = self.page(table, after.as_ref(), most).await?;
            // A page is read in the task that asks; others get their turn between two.
            tokio::task::yield_now().await;
            let Some(last) = page.last() else { break };
            after = Some(cutter.place_of(last));
            let bytes: usize = page.iter().flatten().map(size_of_cell).sum();
            most = if bytes > PAGE_BYTES { Ord::max(most / 4, 1) } else { PAGE_ROWS };
            for row in page {
                if let Some(piece) = cutter.push(row)
                    && to.send(piece).await.is_err()
                {
                    return Ok(());
                }
            }
        }
        if let Some(piece) = cutter.rest() {
            drop(to.send(piece).await);
        }
        Ok(())
    }

    async fn page(&self, table: Table, after: Option<&Row>, most: u64) -> Result<Vec<Row>, Error> {
        let mut query = table.select();
        query.limit(most);
        if let Some(after) = after {
            let columns = table.order().iter().map(|name| Expr::col(Alias::new(*name)));
            let values = after.iter().map(|cell| Expr::value(tables::value_of(cell.clone())));
            query.and_where(Expr::tuple(columns).gt(Expr::tuple(values)));
        }
        self.run(Query::of(&query, self.backend())).await
    }
}
