//! Needs with a priority, a time and a rest; links that answer them; and what leaves to tell the user.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::columns::{blob, create, index, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0012_notifications"
    }
}

async fn add(manager: &SchemaManager<'_>, column: &mut ColumnDef) -> Result<(), DbErr> {
    manager.alter_table(Table::alter().table(Alias::new("needs")).add_column(column).to_owned()).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // What was asked before has the priority of its kind. It waits without an end, as it was told when it was asked.
        add(manager, required(integer("priority")).default(2)).await?;
        let ranks = "UPDATE needs SET priority = CASE WHEN kind IN ('settle', 'approve', 'reconnect', 'internal') \
                     THEN 3 WHEN kind = 'limit' THEN 1 ELSE 2 END";
        manager.get_connection().execute_unprepared(ranks).await?;
        add(manager, &mut integer("expires_at")).await?;
        add(manager, &mut integer("snoozed_until")).await?;
        // The delivery that told of it, by each way; none while it was not told.
        add(manager, &mut text("told_mail")).await?;
        add(manager, &mut text("told_webhook")).await?;
        let links = vec![
            key(text("id")),
            required(text("need_id")),
            required(text("choice")),
            required(blob("digest")),
            required(text("delivery_id")),
            required(integer("created_at")),
            required(integer("expires_at")),
            integer("used_at"),
        ];
        create(manager, "need_links", links).await?;
        index(manager, "need_links_by_digest", "need_links", "digest").await?;
        index(manager, "need_links_by_delivery", "need_links", "delivery_id").await?;
        let deliveries = vec![
            key(text("id")),
            required(text("kind")),
            required(text("channel")),
            required(text("state")),
            required(integer("attempts")),
            integer("next_at"),
            required(text("about")),
            text("through"),
            text("code"),
            text("reason"),
            required(integer("created_at")),
            integer("ended_at"),
        ];
        create(manager, "deliveries", deliveries).await?;
        index(manager, "deliveries_by_state", "deliveries", "state").await
    }
}
