//! Engines outside: which scripts they stand for, who may act as one, and what they have made.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, create, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_engines"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let scripts = Table::alter().table(Alias::new("scripts")).add_column(text("engine")).to_owned();
        manager.alter_table(scripts).await?;
        let tokens = vec![
            key(text("id")),
            required(text("engine")),
            required(blob("digest")),
            required(text("created_by")),
            required(integer("created_at")),
            integer("revoked_at"),
        ];
        create(manager, "engine_tokens", tokens).await?;
        let artifacts = vec![
            key(text("id")),
            required(text("run_id")),
            required(integer("attempt")),
            required(text("address")),
            required(integer("size")),
            required(blob("body")),
            required(integer("created_at")),
        ];
        create(manager, "artifacts", artifacts).await?;
        for (name, table, column) in
            [("artifacts_by_run", "artifacts", "run_id"), ("artifacts_by_address", "artifacts", "address")]
        {
            let index = Index::create().name(name).table(Alias::new(table)).col(Alias::new(column)).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
