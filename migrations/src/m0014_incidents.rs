//! Incidents, and the failures and recoveries that they are made of.

use sea_orm_migration::prelude::*;

use crate::columns::{blob, create, index, integer, key, required, text};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0014_incidents"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let incidents = vec![
            key(text("id")),
            required(blob("cause")),
            required(integer("open")),
            required(blob("body")),
            required(integer("opened_at")),
            required(integer("last_at")),
            integer("closed_at"),
        ];
        create(manager, "incidents", incidents).await?;
        let marks = vec![
            key(text("id")),
            required(blob("cause")),
            required(text("automation_id")),
            required(text("run_id")),
            required(integer("recovered")),
            required(text("code")),
            required(integer("at")),
        ];
        create(manager, "incident_marks", marks).await?;
        index(manager, "incidents_by_open", "incidents", "open").await?;
        index(manager, "incident_marks_by_cause", "incident_marks", "cause").await?;
        index(manager, "incident_marks_by_at", "incident_marks", "at").await
    }
}
