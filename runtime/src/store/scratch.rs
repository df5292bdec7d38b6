//! A schema of its own in somebody's database, for a store that is thrown away.

use std::time::Duration;

use sea_orm::sqlx;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use url::Url;

use super::{Error, Postgres};
use crate::env::Env;

/// Nobody else wants such a store.
const LEASE: Duration = Duration::from_secs(60);

/// A schema that is dropped afterwards.
pub(crate) struct Scratch {
    database: Url,
    name: String,
}

impl Scratch {
    /// Makes a schema in the database at an address: `postgres://…`.
    pub(crate) async fn make(database: &str, env: &Env) -> Result<Self, Error> {
        let database = Url::parse(database)
            .map_err(|_| Error::Database { reason: "the address is none; it begins with postgres://".to_owned() })?;
        let scratch = Self { database, name: format!("steward_bench_{:x}", env.entropy.next_u128()) };
        scratch.execute(format!("CREATE SCHEMA {}", scratch.name)).await?;
        Ok(scratch)
    }

    /// The store that is to be opened.
    pub(crate) fn postgres(&self) -> Postgres {
        let mut url = self.database.clone();
        url.query_pairs_mut().append_pair("options[search_path]", &self.name);
        Postgres { url: url.to_string(), lease: LEASE }
    }

    /// Drops the schema with all that is in it.
    pub(crate) async fn clear(&self) -> Result<(), Error> {
        self.execute(format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name)).await
    }

    async fn execute(&self, sql: String) -> Result<(), Error> {
        let mut connection = PgConnection::connect(self.database.as_str()).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}
