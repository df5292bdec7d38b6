//! Where the store of a load is: in a folder that is thrown away, or in a database.

use std::path::Path;

use anyhow::Context;

use super::world::keys;
use crate::env::Env;
use crate::store::{Scratch, Store};

/// Where the store of a load is.
pub(super) enum Place {
    /// In SQLite, in the folder of the load.
    Folder,
    /// In PostgreSQL.
    Database(Scratch),
}

impl Place {
    /// A place in a database, or in the folder where none is named.
    pub(super) async fn new(database: Option<&str>, env: &Env) -> anyhow::Result<Self> {
        let Some(database) = database else { return Ok(Self::Folder) };
        let scratch = Scratch::make(database, env).await.context("the database of `--store` cannot be used")?;
        Ok(Self::Database(scratch))
    }

    /// Opens the store.
    pub(super) async fn open(&self, folder: &Path, env: &Env) -> anyhow::Result<Store> {
        let opened = match self {
            Self::Folder => Store::open(folder, env.clone(), keys()).await,
            Self::Database(scratch) => {
                Store::open_postgres(folder, &scratch.postgres(), env.clone(), keys(), &|_| true).await
            }
        };
        opened.context("the store could not be opened")
    }

    /// Throws away what is not in the folder.
    pub(super) async fn clear(&self) -> anyhow::Result<()> {
        match self {
            Self::Folder => Ok(()),
            Self::Database(scratch) => scratch.clear().await.context("the schema of the bench is still there"),
        }
    }
}
