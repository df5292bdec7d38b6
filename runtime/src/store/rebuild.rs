//! Makes a store anew from pieces, in an empty place.

use std::fs::File;
use std::path::{Path, PathBuf};

use migrations::Migrator;
use sea_orm::sqlx::sqlite::{SqliteAutoVacuum, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, TransactionTrait};
use sea_orm_migration::MigratorTrait;

use super::folder::{make, make_private, sync_folder};
use super::piece::Piece;
use super::{Error, tables};

/// Parameters of one statement: SQLite takes 32,766, PostgreSQL twice as many.
const PARAMETERS_MAX: usize = 30_000;
/// Pieces in one commit.
const COMMIT_PIECES: u32 = 64;

/// A store in the making. Nobody else knows of it yet; cut off, it is begun again from nothing.
pub struct Rebuild {
    file: PathBuf,
    connection: DatabaseConnection,
    transaction: Option<DatabaseTransaction>,
    pieces: u32,
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuild").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Rebuild {
    /// Makes an empty database as it was after these migrations: what is put in was written then.
    pub async fn begin(folder: &Path, migrations: &[String]) -> Result<Self, Error> {
        let known = migrations::known();
        if let Some(migration) = migrations.iter().find(|migration| !known.contains(migration)) {
            return Err(Error::Newer { migration: migration.clone() });
        }
        if !known.starts_with(migrations) {
            return Err(Error::unreadable("backup", "its database was made by other steps than this version takes"));
        }
        make(folder)?;
        let file = folder.join("steward.db");
        make_private(&file)?;
        // Nobody relies on what is written before the end, when all of it is brought to the disk at once.
        let path = file.clone();
        let mut options = ConnectOptions::new("sqlite://steward.db");
        options.max_connections(1).sqlx_logging(false);
        options.map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .filename(&path)
                .journal_mode(SqliteJournalMode::Memory)
                .synchronous(SqliteSynchronous::Off)
                .auto_vacuum(SqliteAutoVacuum::Incremental)
        });
        let connection = Database::connect(options).await?;
        let steps = u32::try_from(migrations.len()).expect("there are few migrations");
        Migrator::up(&connection, Some(steps)).await?;
        Ok(Self { file, connection, transaction: None, pieces: 0 })
    }

    /// Puts the rows of a piece in.
    pub async fn put(&mut self, piece: Piece) -> Result<(), Error> {
        if self.transaction.is_none() {
            self.transaction = Some(self.connection.begin().await?);
        }
        let transaction = self.transaction.as_ref().expect("it was just begun");
        let Piece { table, columns, mut rows } = piece;
        let most = PARAMETERS_MAX / columns.len().max(1);
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(most));
            transaction.execute(&tables::insert(&table, &columns, rows)).await?;
            rows = rest;
        }
        self.pieces += 1;
        if self.pieces.is_multiple_of(COMMIT_PIECES) {
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Error> {
        match self.transaction.take() {
            Some(transaction) => Ok(transaction.commit().await?),
            None => Ok(()),
        }
    }

    /// Brings the database up to this version, and everything to the disk.
    pub async fn finish(mut self) -> Result<(), Error> {
        self.commit().await?;
        Migrator::up(&self.connection, None).await?;
        self.connection.close().await?;
        let failed = |error: std::io::Error| Error::Folder { folder: self.file.clone(), reason: error.to_string() };
        File::open(&self.file).and_then(|file| file.sync_all()).map_err(failed)?;
        sync_folder(self.file.parent().unwrap_or(&self.file)).map_err(failed)
    }
}
