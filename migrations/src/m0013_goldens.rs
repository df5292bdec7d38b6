//! Golden runs: recorded cases with the effects that they must lead to.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, create, index, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0013_goldens"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![
            key(text("id")),
            required(text("automation_id")),
            text("run_id"),
            required(text("kind")),
            required(blob("digest")),
            required(blob("body")),
            required(integer("created_at")),
            integer("last_checked_at"),
            text("last_verdict"),
            text("last_words"),
            text("last_pins"),
        ];
        create(manager, "goldens", columns).await?;
        index(manager, "goldens_by_automation", "goldens", "automation_id").await
    }
}
