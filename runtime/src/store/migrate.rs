//! Brings the shape of the tables up to this version, and refuses what a newer one has shaped.

use std::path::Path;

use migrations::Migrator;
use sea_orm::sqlx::sqlite::{SqliteAutoVacuum, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, Statement, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::Error;
use super::db::{Address, look};

/// Migrates a SQLite file. Nothing is written when it has its shape already, or has that of a newer version.
pub(super) async fn sqlite(file: &Path) -> Result<(), Error> {
    let known = migrations::known();
    // A start that died while it made the file has left a journal, and only a writer can take back what is in it.
    if !file.with_extension("db-journal").exists() {
        let applied = applied(file)?;
        refuse_newer(&known, &applied)?;
        if applied.len() == known.len() {
            return Ok(());
        }
    }
    // The path goes in by itself: in an address it would have to be escaped.
    let path = file.to_owned();
    let mut options = ConnectOptions::new("sqlite://steward.db");
    options.max_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // Can be chosen only before the first table is made.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
    });
    let connection = Database::connect(options).await?;
    refuse_newer(&known, &applied(file)?)?;
    // In one commit: a start that dies in the middle leaves nothing that the next one would stumble over.
    let migration = connection.begin().await?;
    Migrator::up(&migration, None).await?;
    migration.commit().await?;
    Ok(connection.close().await?)
}

/// Migrates a PostgreSQL database, for the server that holds the lock.
pub(super) async fn postgres(address: &Address) -> Result<(), Error> {
    let connection = address.migrating().await?;
    let backend = connection.get_database_backend();
    let ask = |sql: &str| connection.query_all_raw(Statement::from_string(backend, sql));
    let known = migrations::known();
    let there = ask("SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL").await?;
    let mut applied: Vec<String> = Vec::new();
    if !there.is_empty() {
        for row in ask("SELECT version FROM seaql_migrations ORDER BY version").await? {
            applied.push(row.try_get_by_index(0)?);
        }
    }
    refuse_newer(&known, &applied)?;
    if applied.len() < known.len() {
        let migration = connection.begin().await?;
        Migrator::up(&migration, None).await?;
        migration.execute_unprepared(SAME_ORDER).await?;
        migration.commit().await?;
    }
    Ok(connection.close().await?)
}

/// Texts have the same order in every database, that of their bytes, whatever the database was made for.
const SAME_ORDER: &str = "DO $$ DECLARE c record; BEGIN \
    FOR c IN SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() \
    AND table_name NOT LIKE 'seaql%' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' LOOP \
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE text COLLATE \"C\"', c.table_name, c.column_name); \
    END LOOP; END $$";

fn applied(file: &Path) -> Result<Vec<String>, Error> {
    if look(file, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'")?.is_empty() {
        return Ok(Vec::new());
    }
    look(file, "SELECT version FROM seaql_migrations ORDER BY version")
}

fn refuse_newer(known: &[String], applied: &[String]) -> Result<(), Error> {
    match applied.iter().find(|migration| !known.contains(migration)) {
        Some(migration) => Err(Error::Newer { migration: migration.clone() }),
        None => Ok(()),
    }
}
