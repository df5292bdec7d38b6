//! Repairs: what the maintainer did about failures, the runs that wait for it, and what is known of call sites.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, create, create_keyed, index, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0011_repairs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let adapters = Table::alter().table(Alias::new("scripts")).add_column(text("adapters")).to_owned();
        manager.alter_table(adapters).await?;
        let repairs = vec![
            key(text("id")),
            required(text("automation_id")),
            required(text("state")),
            required(blob("cause")),
            required(blob("storm")),
            required(text("run_id")),
            required(text("script_id")),
            text("new_script_id"),
            text("need_id"),
            required(integer("step")),
            required(integer("attempt")),
            required(integer("allowance_step")),
            required(integer("allowance_at")),
            required(integer("watch_left")),
            required(integer("cost")),
            required(blob("wrapped_key")),
            required(blob("body")),
            required(integer("created_at")),
            required(integer("updated_at")),
        ];
        create(manager, "repairs", repairs).await?;
        let steps = vec![
            required(text("repair_id")),
            required(integer("step")),
            required(integer("cost")),
            required(integer("tokens_in")),
            required(integer("tokens_out")),
            required(blob("body")),
            required(integer("created_at")),
        ];
        create_keyed(manager, "repair_steps", steps, &["repair_id", "step"]).await?;
        let runs =
            vec![key(text("run_id")), required(text("repair_id")), text("resumed"), required(integer("created_at"))];
        create(manager, "repair_runs", runs).await?;
        let fingerprints = vec![
            required(text("automation_id")),
            required(text("site")),
            required(blob("body")),
            required(integer("updated_at")),
        ];
        create_keyed(manager, "fingerprints", fingerprints, &["automation_id", "site"]).await?;
        index(manager, "repairs_by_automation", "repairs", "automation_id").await?;
        index(manager, "repairs_by_state", "repairs", "state").await?;
        index(manager, "repairs_by_need", "repairs", "need_id").await?;
        index(manager, "repair_runs_by_repair", "repair_runs", "repair_id").await?;
        index(manager, "repair_runs_by_resumed", "repair_runs", "resumed").await
    }
}
