//! Approvals and what they were used for; what the gate counts; the labels of what runs leave behind.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_approvals"
    }
}

fn text(name: &str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).text().not_null().to_owned()
}

fn integer(name: &str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).big_integer().not_null().to_owned()
}

fn blob(name: &str) -> ColumnDef {
    ColumnDef::new(Alias::new(name)).blob().not_null().to_owned()
}

fn optional(mut column: ColumnDef) -> ColumnDef {
    column.null().to_owned()
}

async fn create(manager: &SchemaManager<'_>, name: &str, key: &[&str], columns: Vec<ColumnDef>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(Alias::new(name));
    for column in columns {
        table.col(column);
    }
    let mut primary = Index::create();
    for part in key {
        primary.col(Alias::new(*part));
    }
    manager.create_table(table.primary_key(&mut primary).to_owned()).await
}

async fn index(manager: &SchemaManager<'_>, name: &str, table: &str, columns: &[&str]) -> Result<(), DbErr> {
    let mut index = Index::create();
    index.name(name).table(Alias::new(table));
    for column in columns {
        index.col(Alias::new(*column));
    }
    manager.create_index(index.to_owned()).await
}

async fn add(manager: &SchemaManager<'_>, table: &str, mut column: ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(Alias::new(table)).add_column(&mut column).to_owned()).await
}

async fn create_approvals(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        text("id"),
        text("status"),
        text("automation_id"),
        text("run_id"),
        integer("call"),
        text("tool"),
        // What it is for; of an envelope, what each of its uses must be.
        blob("binding"),
        // The effect that it was asked about, of this run: a later question about the same takes its place.
        blob("place"),
        text("grounds"),
        text("need_id"),
        optional(blob("body")),
        integer("envelope"),
        integer("at_most"),
        integer("used"),
        integer("life_ms"),
        optional(integer("held_until")),
        integer("expires_at"),
        optional(text("answer")),
        optional(text("decided_by")),
        optional(integer("decided_at")),
        optional(blob("note")),
        integer("created_at"),
    ];
    create(manager, "approvals", &["id"], columns).await?;
    index(manager, "approvals_by_binding", "approvals", &["binding"]).await?;
    index(manager, "approvals_by_need", "approvals", &["need_id"]).await?;
    index(manager, "approvals_by_run", "approvals", &["run_id", "status"]).await?;
    index(manager, "approvals_by_status", "approvals", &["status", "expires_at"]).await?;
    let uses = vec![text("approval_id"), text("effect"), integer("at")];
    create(manager, "approval_uses", &["approval_id", "effect"], uses).await?;
    index(manager, "approval_uses_by_effect", "approval_uses", &["effect"]).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_approvals(manager).await?;
        let files = vec![text("folder"), text("path"), text("digest"), text("labels"), integer("at")];
        create(manager, "file_labels", &["folder", "path"], files).await?;
        index(manager, "file_labels_by_digest", "file_labels", &["digest"]).await?;
        index(manager, "file_labels_by_age", "file_labels", &["at"]).await?;
        // Null where it was written before: one call, no labels known.
        add(manager, "rate_marks", optional(integer("amount"))).await?;
        add(manager, "state", optional(text("labels"))).await?;
        add(manager, "signals", optional(text("labels"))).await?;
        // A question about a limit was a kind of its own; what is still open goes on as any refusal that can be lifted.
        let connection = manager.get_connection();
        for statement in [
            "UPDATE needs SET kind = 'grant' WHERE kind = 'allow' AND status = 'open'",
            "UPDATE needs SET kind = 'approve', answer = CASE answer WHEN 'allow' THEN 'approve' ELSE answer END \
             WHERE kind = 'allow'",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
