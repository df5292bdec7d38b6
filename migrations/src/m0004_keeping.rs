//! What a restore has to remember, and where old events go.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_keeping"
    }
}

fn column(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.not_null();
    column
}

async fn create(manager: &SchemaManager<'_>, name: &'static str, columns: Vec<ColumnDef>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(Alias::new(name));
    for column in columns {
        table.col(column);
    }
    manager.create_table(table.to_owned()).await
}

/// Events leave the table only into a segment of the archive; segments follow each other without a gap, and stay.
const SQLITE: &[&str] = &[
    "DROP TRIGGER events_are_not_deleted",
    "CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events \
     WHEN OLD.position > COALESCE((SELECT MAX(last_position) FROM archives), 0) \
     BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END",
    "CREATE TRIGGER archives_follow_each_other BEFORE INSERT ON archives \
     WHEN NEW.first_position <> COALESCE((SELECT MAX(last_position) FROM archives), 0) + 1 \
     OR NEW.last_position < NEW.first_position \
     BEGIN SELECT RAISE(ABORT, 'archived segments follow each other'); END",
    "CREATE TRIGGER archives_are_not_changed BEFORE UPDATE ON archives \
     BEGIN SELECT RAISE(ABORT, 'archived segments are never changed'); END",
    "CREATE TRIGGER archives_are_not_deleted BEFORE DELETE ON archives \
     BEGIN SELECT RAISE(ABORT, 'archived segments are never deleted'); END",
];

const POSTGRES: &[&str] = &[
    "CREATE OR REPLACE FUNCTION events_are_final() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF TG_OP = 'DELETE' AND OLD.position <= COALESCE((SELECT MAX(last_position) FROM archives), 0) THEN \
     RETURN OLD; END IF; \
     RAISE EXCEPTION 'events are never %', CASE TG_OP WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END; END $$",
    "CREATE TRIGGER events_are_not_emptied BEFORE TRUNCATE ON events \
     FOR EACH STATEMENT EXECUTE FUNCTION events_are_final()",
    "CREATE FUNCTION archives_are_final() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
     IF TG_OP <> 'INSERT' THEN RAISE EXCEPTION 'archived segments are never changed or deleted'; END IF; \
     IF NEW.first_position <> COALESCE((SELECT MAX(last_position) FROM archives), 0) + 1 \
     OR NEW.last_position < NEW.first_position THEN \
     RAISE EXCEPTION 'archived segments follow each other'; END IF; \
     RETURN NEW; END $$",
    "CREATE TRIGGER archives_are_final BEFORE INSERT OR UPDATE OR DELETE ON archives \
     FOR EACH ROW EXECUTE FUNCTION archives_are_final()",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let cautions = vec![
            column("automation_id").text().primary_key().to_owned(),
            column("from_at").big_integer().to_owned(),
            column("until_at").big_integer().to_owned(),
        ];
        create(manager, "cautions", cautions).await?;
        let archives = vec![
            column("last_position").big_integer().primary_key().to_owned(),
            column("first_position").big_integer().to_owned(),
            column("file").text().to_owned(),
            column("digest").text().to_owned(),
            column("chain").text().to_owned(),
            column("at").big_integer().to_owned(),
            column("signature").text().to_owned(),
        ];
        create(manager, "archives", archives).await?;
        let heads = vec![
            column("room").text().primary_key().to_owned(),
            column("stream_seq").big_integer().to_owned(),
            column("hash").blob().to_owned(),
        ];
        create(manager, "archived_heads", heads).await?;
        let sqlite = manager.get_database_backend() == DbBackend::Sqlite;
        let statements = if sqlite { SQLITE } else { POSTGRES };
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
