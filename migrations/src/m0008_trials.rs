//! Proof sheets of trials.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_trials"
    }
}

fn text(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.text().not_null();
    column
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        let mut id = text("id");
        table.table(Alias::new("trials")).col(id.primary_key());
        for name in ["contract_digest", "script_digest", "cases_digest", "verdict", "sheet"] {
            table.col(text(name));
        }
        let mut created_at = ColumnDef::new(Alias::new("created_at"));
        table.col(created_at.big_integer().not_null());
        manager.create_table(table.to_owned()).await?;
        let index = Index::create()
            .name("trials_by_script")
            .table(Alias::new("trials"))
            .col(Alias::new("script_digest"))
            .to_owned();
        manager.create_index(index).await
    }
}
