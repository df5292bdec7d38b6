//! The database that a store moves to.

use std::collections::BTreeSet;
use std::time::Duration;

use intents::canonical::Digest;

use crate::store::active::{self, ActiveServer};
use crate::store::db::{self, Address, Postgres};
use crate::store::piece::Piece;
use crate::store::tables::{Cell, Column, Kind, Row};
use crate::store::{Error, Table, migrate};

/// Who the active server is said to have been, when nobody was.
const NOBODY: &str = "moved";

/// How far each table is. There as long as the move is not complete; no server takes a database that has it. The row
/// without a name says which installation moves here.
const BEGIN: &str = "CREATE TABLE store_move (name text COLLATE \"C\" PRIMARY KEY, place bytea, done bigint NOT NULL, \
                     keys text NOT NULL)";

/// A database that nobody else has at the moment, and that holds nothing but what moves into it.
pub(super) struct Target {
    connection: Postgres,
    keys: Digest,
    was_begun: bool,
    is_complete: bool,
}

impl Target {
    /// Takes the database for as long as the connection lives.
    pub(super) async fn take(address: &Address, most: Duration, keys: Digest) -> Result<Self, Error> {
        // A commit of many rows may take longer than a sign of life.
        let connection = address.connect(&[], most.max(STATEMENT_MAX)).await?;
        if !active::lock(&connection).await? {
            return Err(Error::StandingBy);
        }
        let names = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()";
        let there: BTreeSet<String> = connection.ask(names).await?.into_iter().collect();
        let mut target = Self { connection, keys, was_begun: false, is_complete: false };
        if there.contains("store_move") {
            target.was_begun = true;
            let of: Vec<String> = target.connection.ask("SELECT keys FROM store_move WHERE name = ''").await?;
            if of != [keys.to_string()] {
                return Err(Error::OtherKeys);
            }
        } else if there.is_empty() {
            target.connection.plain(format!("{BEGIN}; INSERT INTO store_move VALUES ('', NULL, 0, '{keys}')")).await?;
        } else if target.was_completed(&there).await? {
            // It was broken off between its last two steps.
            target.was_begun = true;
            target.is_complete = true;
            return Ok(target);
        } else {
            return Err(Error::Conflict {
                code: "STORE_TARGET_NOT_EMPTY",
                reason: "the database holds something already; name an empty one, or another schema of it".to_owned(),
            });
        }
        migrate::postgres(address).await?;
        Ok(target)
    }

    /// Whether the move came to its end, and no server has used the database since.
    async fn was_completed(&self, there: &BTreeSet<String>) -> Result<bool, Error> {
        if !there.contains("active_server") {
            return Ok(false);
        }
        let server = active::read(&self.connection).await?;
        Ok(server.is_some_and(|server| server == self.nobody()))
    }

    fn nobody(&self) -> ActiveServer {
        ActiveServer { epoch: 1, commits: 0, holder: NOBODY.to_owned(), keys: self.keys.to_string(), released: true }
    }

    /// Whether a move to here was begun before this one.
    pub(super) fn was_begun(&self) -> bool {
        self.was_begun
    }

    /// Whether everything is here.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The place of the last row of a table that is here, and how many there are.
    pub(super) async fn progress(&self, table: Table) -> Result<(Option<Row>, u64), Error> {
        let sql = format!("SELECT place, done FROM store_move WHERE name = '{}'", table.name());
        let rows: Vec<(Vec<u8>, i64)> = self.connection.ask(&sql).await?;
        let Some((place, done)) = rows.into_iter().next() else { return Ok((None, 0)) };
        let place = postcard::from_bytes(&place).map_err(|error| Error::unreadable("place", error))?;
        Ok((Some(place), done.unsigned_abs()))
    }

    /// Puts the rows of a piece in, with how far this is, in one commit.
    pub(super) async fn put(&self, table: Table, piece: Piece, done: u64) -> Result<(), Error> {
        let Some(last) = piece.rows.last() else { return Ok(()) };
        let index = |name: &&str| piece.columns.iter().position(|column| column.name == **name);
        let place: Row = table.order().iter().filter_map(index).map(|index| last[index].clone()).collect();
        let place = postcard::to_allocvec(&place).expect("cells are plain data");
        let place: String = place.iter().map(|byte| format!("{byte:02x}")).collect();
        let rows: Vec<Vec<db::Cell<'_>>> = piece.rows.iter().map(|row| cells(&piece.columns, row)).collect();
        let columns: Vec<_> = piece.columns.iter().map(|column| (column.name.as_str(), kind(column))).collect();
        self.connection.plain("BEGIN".to_owned()).await?;
        self.connection.insert_rows(table.name(), &columns, &rows).await?;
        self.connection
            .plain(format!(
                "INSERT INTO store_move VALUES ('{}', '\\x{place}', {done}, '') \
                 ON CONFLICT (name) DO UPDATE SET place = excluded.place, done = excluded.done; COMMIT",
                table.name()
            ))
            .await
            .map(drop)
    }

    /// Leaves the database to the first server that comes.
    pub(super) async fn complete(self) -> Result<(), Error> {
        if !self.is_complete {
            let ActiveServer { epoch, commits, holder, keys, .. } = self.nobody();
            self.connection
                .plain(format!(
                    "BEGIN; INSERT INTO active_server (id, epoch, commits, holder, keys, released) \
                     VALUES (1, {epoch}, {commits}, '{holder}', '{keys}', 1); DROP TABLE store_move; COMMIT"
                ))
                .await?;
        }
        // So many rows at once are news to the planner.
        self.connection.plain("ANALYZE".to_owned()).await.map(drop)
    }
}

/// A database that takes longer for some thousand rows is as good as gone.
const STATEMENT_MAX: Duration = Duration::from_secs(120);

fn kind(column: &Column) -> db::Kind {
    match column.kind {
        Kind::Text => db::Kind::Text,
        Kind::Integer => db::Kind::Integer,
        Kind::Blob => db::Kind::Blob,
    }
}

/// A row as parameters: what is absent still has the type of its column.
fn cells<'r>(columns: &[Column], row: &'r Row) -> Vec<db::Cell<'r>> {
    let cell = |(column, cell): (&Column, &'r Cell)| match (cell, column.kind) {
        (Cell::Text(text), _) => db::Cell::Text(Some(text)),
        (Cell::Integer(number), _) => db::Cell::Integer(Some(*number)),
        (Cell::Blob(bytes), _) => db::Cell::Blob(Some(bytes)),
        (Cell::Null, Kind::Text) => db::Cell::Text(None),
        (Cell::Null, Kind::Integer) => db::Cell::Integer(None),
        (Cell::Null, Kind::Blob) => db::Cell::Blob(None),
    };
    columns.iter().zip(row).map(cell).collect()
}
