//! Brings the shape of the tables up to this version, and refuses what a newer one has shaped.

use std::path::Path;

use migrations::Migrator;
use sea_orm::sqlx::sqlite::{SqliteAutoVacuum, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::Error;
use super::db::look;

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
