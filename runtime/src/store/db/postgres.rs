//! PostgreSQL on connections of our own.

use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::sync::Mutex;

use super::cell::{Cell, FromRow, Kind, Source};
use super::record::Record;
use super::statement::Query;
use crate::store::Error;

/// Prepared statements kept on a connection: more than there are in the store, so that none is prepared twice.
const STATEMENTS_MAX: usize = 256;
/// How long the migrations wait for their connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// A query of a screen that takes longer is of no use to it.
const READ_MAX: Duration = Duration::from_secs(30);

/// How to reach the database.
#[derive(Clone)]
pub(in crate::store) struct Address(PgConnectOptions);

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Address([redacted])")
    }
}

impl Address {
    /// Reads an address. What it says may hold a password, so a wrong one is not repeated.
    pub(in crate::store) fn parse(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| Error::Unreachable { reason: "the address in `store.url` cannot be read".to_owned() })?;
        let options = options.application_name("steward").statement_cache_capacity(STATEMENTS_MAX);
        // The server notices within seconds that we are gone, whatever lies between.
        let options = options.options([
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "2"),
            ("client_min_messages", "warning"),
        ]);
        Ok(Self(options.disable_statement_logging()))
    }

    /// Where the database is, for people: without a password.
    pub(in crate::store) fn public(&self) -> String {
        let database = self.0.get_database().unwrap_or_default();
        format!("the PostgreSQL database `{database}` at {}:{}", self.0.get_host(), self.0.get_port())
    }

    /// One connection, for what belongs to a connection: a transaction, a lock.
    pub(in crate::store) async fn connect(
        &self,
        settings: &[(&str, String)],
        most: Duration,
    ) -> Result<Postgres, Error> {
        let options = self.0.clone().options(settings.iter().map(|(name, value)| (*name, value.as_str())));
        let connection = within(most, async { Ok(options.connect().await?) }).await?;
        Ok(Postgres { connection: Mutex::new(connection), most })
    }

    /// A connection for the migrations, which speak sea-orm.
    pub(in crate::store) async fn migrating(&self) -> Result<sea_orm::DatabaseConnection, Error> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_MAX);
        let pool = pool.connect_with(self.0.clone()).await?;
        Ok(sea_orm::SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
    }
}

/// One connection. Only one task uses it at a time; the lock is there to say so.
pub(in crate::store) struct Postgres {
    connection: Mutex<PgConnection>,
    /// A database that takes longer to answer is as good as gone.
    most: Duration,
}

async fn within<T>(most: Duration, asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || Error::Unreachable { reason: format!("no answer within {} s", most.as_secs()) };
    tokio::time::timeout(most, asked).await.unwrap_or_else(|_| Err(late()))
}

impl Postgres {
    /// Runs statements in plain text, with one way there and back; says how many rows they changed.
    pub(in crate::store) async fn plain(&self, sql: String) -> Result<u64, Error> {
        within(self.most, async {
            let mut connection = self.connection.lock().await;
            Ok(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await?.rows_affected())
        })
        .await
    }

    /// What a statement in plain text answers.
    pub(in crate::store) async fn ask<R: FromRow>(&self, sql: &str) -> Result<Vec<R>, Error> {
        within(self.most, async {
            let mut connection = self.connection.lock().await;
            read(sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut *connection).await?)
        })
        .await
    }

    pub(in crate::store) async fn rows<R: FromRow>(&self, query: &Query) -> Result<Vec<R>, Error> {
        within(self.most, async {
            let mut connection = self.connection.lock().await;
            read(asked(&query.sql, &query.cells()?)?.fetch_all(&mut *connection).await?)
        })
        .await
    }

    /// Executes a statement; says how many rows it changed.
    pub(super) async fn execute(&self, query: &Query) -> Result<u64, Error> {
        within(self.most, async {
            let mut connection = self.connection.lock().await;
            Ok(asked(&query.sql, &query.cells()?)?.execute(&mut *connection).await?.rows_affected())
        })
        .await
    }

    /// Adds rows to a table of which only the columns are known.
    pub(in crate::store) async fn insert_rows(
        &self,
        table: &str,
        columns: &[(&str, Kind)],
        rows: &[Vec<Cell<'_>>],
    ) -> Result<(), Error> {
        for cell in rows.iter().flatten() {
            cell.check()?;
        }
        let names = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let kinds: Vec<_> = columns.iter().map(|(_, kind)| *kind).collect();
        let places = (1..).zip(&kinds).map(|(place, kind)| format!("${place}::{}[]", kind.postgres()));
        let places = places.collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO \"{table}\" ({names}) SELECT * FROM UNNEST({places})");
        let lists = lists(&kinds, rows)?;
        within(self.most, async {
            let mut connection = self.connection.lock().await;
            sqlx::query_with(AssertSqlSafe(sql), lists).execute(&mut *connection).await?;
            Ok(())
        })
        .await
    }

    /// Executes a statement that takes rows, as one list for each column.
    pub(super) async fn execute_lists<R: Record>(&self, sql: &'static str, rows: &[R]) -> Result<(), Error> {
        let cells: Vec<_> = rows.iter().map(Record::cells).collect();
        for cell in cells.iter().flatten() {
            cell.check()?;
        }
        let lists = lists(R::kinds(), &cells)?;
        within(self.most, async {
            let mut connection = self.connection.lock().await;
            sqlx::query_with(sql, lists).execute(&mut *connection).await?;
            Ok(())
        })
        .await
    }
}

/// A connection that only reads, made when it is needed first, and again when it was lost.
pub(super) struct PostgresReader {
    address: Address,
    connection: Mutex<Option<Postgres>>,
}

impl PostgresReader {
    pub(super) fn of(address: &Address) -> Self {
        Self { address: address.clone(), connection: Mutex::new(None) }
    }

    /// Whether nobody uses it now.
    pub(super) fn is_free(&self) -> bool {
        self.connection.try_lock().is_ok()
    }

    pub(super) async fn rows<R: FromRow>(&self, query: &Query) -> Result<Vec<R>, Error> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = &*kept {
            match connection.rows(query).await {
                Err(Error::Unreachable { .. }) => *kept = None,
                answered => return answered,
            }
        }
        // The database may have been started anew since it was asked last.
        let only_reads = [("default_transaction_read_only", "on".to_owned())];
        let connection = self.address.connect(&only_reads, READ_MAX).await?;
        let answered = connection.rows(query).await;
        if !matches!(answered, Err(Error::Unreachable { .. })) {
            *kept = Some(connection);
        }
        answered
    }
}

fn read<R: FromRow>(rows: Vec<PgRow>) -> Result<Vec<R>, Error> {
    rows.iter().map(|row| R::from_row(&Source::Postgres(row))).collect()
}

fn asked(sql: &str, cells: &[Cell<'_>]) -> Result<sqlx::query::Query<'static, sqlx::Postgres, PgArguments>, Error> {
    let mut arguments = PgArguments::default();
    for cell in cells {
        let added = match cell {
            Cell::Integer(number) => arguments.add(number),
            Cell::Text(text) => arguments.add(text),
            Cell::Blob(bytes) => arguments.add(bytes),
        };
        added.map_err(not_sent)?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(sql.to_owned()), arguments))
}

/// The cells of many rows, column by column.
fn lists(kinds: &[Kind], rows: &[Vec<Cell<'_>>]) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for (index, kind) in kinds.iter().enumerate() {
        let column = rows.iter().map(|row| row[index]);
        let added = match kind {
            Kind::Integer => arguments.add(column.map(Cell::integer).collect::<Vec<_>>()),
            Kind::Text => arguments.add(column.map(Cell::text).collect::<Vec<_>>()),
            Kind::Blob => arguments.add(column.map(Cell::blob).collect::<Vec<_>>()),
        };
        added.map_err(not_sent)?;
    }
    Ok(arguments)
}

fn not_sent(error: sqlx::error::BoxDynError) -> Error {
    Error::Database { reason: error.to_string() }
}
