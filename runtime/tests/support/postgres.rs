//! A real PostgreSQL for the tests that want one, or a word about what is left out.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

/// Where a throwaway server is: `postgres://…`. `scripts/with-postgres.sh` starts one.
const SERVER: &str = "STEWARD_TEST_POSTGRES";
/// Set where nothing must be left out.
const REQUIRED: &str = "STEWARD_POSTGRES_REQUIRED";

/// The server, where there is one. Says so where there is none: what was not tested has not succeeded.
pub(crate) fn server(what: &str) -> Option<String> {
    if let Ok(server) = std::env::var(SERVER) {
        return Some(server);
    }
    let why = format!("{SERVER} names no server (scripts/with-postgres.sh starts one)");
    assert!(std::env::var_os(REQUIRED).is_none(), "{why}");
    // Past the test's own output, which is shown only for what fails.
    let mut output = std::io::stderr();
    output.write_all(format!("LEFT OUT: {what}; {why}\n").as_bytes()).unwrap();
    None
}

/// The address of a schema that no other test uses.
pub(crate) async fn fresh_schema(server: &str) -> String {
    static SCHEMAS: AtomicU32 = AtomicU32::new(0);
    let schema = format!("t{}_{}", std::process::id(), SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let mut connection = PgConnection::connect(server).await.unwrap();
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let join = if server.contains('?') { '&' } else { '?' };
    format!("{server}{join}options[search_path]={schema}")
}
