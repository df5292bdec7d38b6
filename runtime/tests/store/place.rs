//! Where a store is: in a folder, or in a database that several servers can reach.

use std::path::PathBuf;
use std::time::Duration;

use runtime::env::Env;
use runtime::store::{Error, Postgres, Store};
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tempfile::TempDir;

use super::postgres;
use super::world::keys;

/// The databases that the stories are told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each of the two test programs uses its own")]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

/// Longer than any pause of a test that is not about it.
const LEASE: Duration = Duration::from_secs(20);

#[allow(dead_code, reason = "some stories are about one database alone")]
pub(crate) struct Place {
    folder: TempDir,
    /// The address of a schema of its own.
    url: Option<String>,
}

/// A schema of its own for one story.
async fn fresh_schema() -> String {
    match postgres::server("the stories on PostgreSQL") {
        Some(server) => postgres::fresh_schema(&server).await,
        // All of them, then.
        None => std::process::exit(0),
    }
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

    /// The address of the database.
    pub(crate) fn url(&self) -> &str {
        self.url.as_deref().expect("this story is about PostgreSQL")
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
