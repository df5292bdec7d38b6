//! Shadow: which automations and runs are in it, what its runs would have done, and what they remember.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, integer, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_shadow"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["automations", "runs"] {
            let column = Table::alter().table(Alias::new(table)).add_column(text("shadow")).to_owned();
            manager.alter_table(column).await?;
        }
        let mut notes = Table::create();
        notes.table(Alias::new("shadow_notes")).col(required(blob("identity")).primary_key());
        for name in ["id", "shadow", "automation_id", "run_id", "item_id", "tool", "would", "arguments"] {
            notes.col(required(text(name)));
        }
        notes
            .col(required(integer("call")))
            .col(blob("body"))
            .col(required(integer("suppressions")))
            .col(required(integer("at")));
        manager.create_table(notes).await?;
        for (name, columns) in
            [("shadow_notes_by_automation", &["automation_id", "id"][..]), ("shadow_notes_by_run", &["run_id"])]
        {
            let mut index = Index::create();
            index.name(name).table(Alias::new("shadow_notes"));
            for column in columns {
                index.col(Alias::new(*column));
            }
            manager.create_index(index).await?;
        }
        let mut state = Table::create();
        state
            .table(Alias::new("shadow_state"))
            .col(required(text("shadow")))
            .col(required(text("name")))
            .col(blob("value"))
            .col(required(integer("version")))
            .col(required(integer("updated_at")))
            .col(text("labels"))
            .primary_key(Index::create().col(Alias::new("shadow")).col(Alias::new("name")));
        manager.create_table(state).await
    }
}
