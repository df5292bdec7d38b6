//! Where a store is: in a folder, or in a database that several servers can reach.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use runtime::env::Env;
use runtime::store::{Error, Postgres, Store};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tempfile::TempDir;

use super::world::keys;

/// The databases that the stories are told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each of the two test programs uses its own")]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// Where a throwaway server is: `postgres://…`. `scripts/with-postgres.sh` starts one.
pub(crate) const SERVER: &str = "STEWARD_TEST_POSTGRES";
/// Set where these stories must not be left out.
const REQUIRED: &str = "STEWARD_POSTGRES_REQUIRED";
/// Longer than any pause of a test that is not about it.
const LEASE: Duration = Duration::from_secs(20);

#[allow(dead_code, reason = "some stories are about one database alone")]
pub(crate) struct Place {
    folder: TempDir,
    /// The address of a schema of its own.
    url: Option<String>,
}

/// Says that nothing is told on PostgreSQL, and ends: a story that was not told has not succeeded.
fn leave_out() -> ! {
    let why = format!("{SERVER} names no server (scripts/with-postgres.sh starts one)");
    assert!(std::env::var_os(REQUIRED).is_none(), "{why}");
    // Past the test's own output, which is shown only for what fails.
    let mut output = std::io::stderr();
    output.write_all(format!("LEFT OUT: the stories on PostgreSQL; {why}\n").as_bytes()).unwrap();
    std::process::exit(0);
}

/// A schema that no other test uses.
async fn fresh_schema() -> String {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var(SERVER) else { leave_out() };
    let schema = format!("t{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let join = if server.contains('?') { '&' } else { '?' };
    format!("{server}{join}options[search_path]={schema}")
}

#[allow(dead_code, reason = "some stories are about one database alone")]
impl Place {
    pub(crate) async fn new() -> Self {
        let url = match crate::DATABASE {
            Database::Sqlite => None,
            Database::Postgres => Some(fresh_schema().await),
        };
        Self { folder: TempDir::new().unwrap(), url }
    }

    /// The data folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub(crate) async fn open(&self, env: &Env) -> Result<Store, Error> {
        match &self.url {
            None => Store::open(&self.home(), env.clone(), keys()).await,
            Some(_) => Store::open_postgres(&self.home(), &self.postgres(LEASE), env.clone(), keys(), &|_| true).await,
        }
    }

    /// The database, for a server of its own.
    pub(crate) fn postgres(&self, lease: Duration) -> Postgres {
        Postgres { url: self.url.clone().expect("this story is about PostgreSQL"), lease }
    }

    /// The same database, reached from another machine, by another way when one is given.
    pub(crate) fn beside(&self, port: Option<u16>) -> Self {
        let url = self.url.as_ref().map(|url| {
            let mut url = url::Url::parse(url).unwrap();
            if let Some(port) = port {
                url.set_port(Some(port)).unwrap();
            }
            url.to_string()
        });
        Self { folder: TempDir::new().unwrap(), url }
    }

    /// Where the database listens.
    pub(crate) fn address(&self) -> String {
        let url = url::Url::parse(self.url.as_ref().unwrap()).unwrap();
        format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432))
    }

    /// What somebody does who has the password, or owns the file.
    pub(crate) async fn attack(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            None => {
                let mut shell = self.shell().await;
                let done = sqlx::raw_sql(sql).execute(&mut shell).await;
                shell.close().await?;
                done.map(drop)
            }
            Some(url) => {
                let mut shell = PgConnection::connect(url).await?;
                let done = sqlx::raw_sql(sql).execute(&mut shell).await;
                shell.close().await?;
                done.map(drop)
            }
        }
    }

    /// One number out of the database.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            None => sqlx::query(sql).fetch_one(&mut self.shell().await).await.unwrap().get(0),
            Some(url) => {
                let mut shell = PgConnection::connect(url).await.unwrap();
                sqlx::query(sql).fetch_one(&mut shell).await.unwrap().get(0)
            }
        }
    }

    /// One text out of the database.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.url {
            None => sqlx::query(sql).fetch_one(&mut self.shell().await).await.unwrap().get(0),
            Some(url) => {
                let mut shell = PgConnection::connect(url).await.unwrap();
                sqlx::query(sql).fetch_one(&mut shell).await.unwrap().get(0)
            }
        }
    }

    /// Another program that has the database file open.
    pub(crate) async fn shell(&self) -> SqliteConnection {
        SqliteConnectOptions::new().filename(self.home().join("steward.db")).connect().await.unwrap()
    }
}
