//! Which server is active, where several can reach the database.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_active_server"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = "CREATE TABLE active_server (id bigint NOT NULL PRIMARY KEY, epoch bigint NOT NULL, \
                     commits bigint NOT NULL, holder text NOT NULL, keys text NOT NULL, released bigint NOT NULL)";
        manager.get_connection().execute_unprepared(table).await.map(drop)
    }
}
