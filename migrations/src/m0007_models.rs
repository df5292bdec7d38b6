//! Models: who provides them, and what each call of one was for and cost.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, create, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_models"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let providers = vec![
            key(text("name")),
            required(text("id")),
            required(text("body")),
            required(integer("created_at")),
            required(integer("updated_at")),
        ];
        create(manager, "providers", providers).await?;
        let calls = vec![
            key(text("id")),
            required(text("request")),
            required(text("provider")),
            required(text("profile")),
            required(text("model")),
            required(text("purpose")),
            text("room"),
            text("automation_id"),
            text("run_id"),
            required(text("state")),
            text("code"),
            required(integer("reserved")),
            required(integer("cost")),
            integer("tokens_in"),
            integer("tokens_out"),
            integer("recording"),
            required(integer("started_at")),
            integer("ended_at"),
            blob("wrapped_key"),
            blob("answer"),
        ];
        create(manager, "model_calls", calls).await?;
        for (name, column) in [
            ("model_calls_by_request", "request"),
            ("model_calls_by_start", "started_at"),
            ("model_calls_by_automation", "automation_id"),
            ("model_calls_by_run", "run_id"),
        ] {
            let index = Index::create().name(name).table(Alias::new("model_calls")).col(Alias::new(column)).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
