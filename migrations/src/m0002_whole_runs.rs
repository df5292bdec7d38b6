//! A run holds the item that it is about: what was accepted, and what becomes of it, are one row.
//!
//! An item that was left out is a row of its own phase; a further run of an item refers to the first one by the item.
//! Segments of journals say where their attempt stood, so that a run's row need not be written while it is under way.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_whole_runs"
    }
}

/// The parts of a run that every row has, in both shapes.
const PROGRESS: &str = "automation_id, script_id, contract_id, phase, attempts, generation, segments, journal_bytes, \
                        class, code, calls, effects, suppressed, created_at, started_at, ended_at";

/// The columns of the new table: the name, the type in SQLite, the type in PostgreSQL.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("id", "text NOT NULL PRIMARY KEY", "text NOT NULL PRIMARY KEY"),
    ("automation_id", "text NOT NULL", "text NOT NULL"),
    ("script_id", "text NOT NULL", "text NOT NULL"),
    ("contract_id", "text NOT NULL", "text NOT NULL"),
    ("phase", "text NOT NULL", "text NOT NULL"),
    ("attempts", "bigint NOT NULL", "bigint NOT NULL"),
    ("generation", "bigint NOT NULL", "bigint NOT NULL"),
    ("segments", "bigint NOT NULL", "bigint NOT NULL"),
    ("journal_bytes", "bigint NOT NULL", "bigint NOT NULL"),
    ("class", "text", "text"),
    ("code", "text", "text"),
    ("calls", "bigint NOT NULL", "bigint NOT NULL"),
    ("effects", "bigint NOT NULL", "bigint NOT NULL"),
    ("suppressed", "bigint NOT NULL", "bigint NOT NULL"),
    ("created_at", "bigint NOT NULL", "bigint NOT NULL"),
    ("started_at", "bigint", "bigint"),
    ("ended_at", "bigint", "bigint"),
    ("item_id", "text", "text"),
    ("trigger_id", "text", "text"),
    ("dedupe_key", "text", "text"),
    ("labels", "text", "text"),
    ("useful_until", "bigint", "bigint"),
    ("wrapped_key", "blob", "bytea"),
    ("payload", "blob", "bytea"),
    ("tail", "blob", "bytea"),
];

/// What is looked for, and nothing else: an index that no query needs is written with every run.
const INDEXES: &[&str] = &[
    "CREATE UNIQUE INDEX runs_by_dedupe ON runs (automation_id, dedupe_key) WHERE dedupe_key IS NOT NULL",
    "CREATE INDEX runs_by_automation ON runs (automation_id, id)",
    "CREATE INDEX runs_under_way ON runs (phase, automation_id, id) WHERE phase IN ('queued', 'running', 'waiting')",
    "CREATE INDEX runs_ended_otherwise ON runs (phase, id) WHERE phase IN ('failed', 'stopped', 'skipped')",
    // A run of an item of its own is found by its id.
    "CREATE INDEX runs_by_item ON runs (item_id) WHERE item_id IS NOT NULL",
    // Retention looks for what still has its payload, not through all that ever came.
    "CREATE INDEX runs_by_age ON runs (created_at) WHERE wrapped_key IS NOT NULL",
    // Whoever waits asks for what came after a run was made, by identifiers.
    "DROP INDEX signals_by_name",
    "CREATE INDEX signals_by_name ON signals (name, id)",
    "DROP INDEX ledger_by_state",
    "CREATE INDEX ledger_unsettled ON ledger (state, id) WHERE state IN ('started', 'uncertain')",
    "DROP INDEX ledger_by_automation",
    "CREATE INDEX ledger_by_automation ON ledger (automation_id, id)",
];

fn create(sqlite: bool) -> String {
    let column = |(name, in_sqlite, in_postgres): &(&str, &str, &str)| {
        format!("{name} {}", if sqlite { in_sqlite } else { in_postgres })
    };
    let columns: Vec<_> = COLUMNS.iter().map(column).collect();
    format!("CREATE TABLE whole_runs ({})", columns.join(", "))
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let sqlite = manager.get_database_backend() == sea_orm_migration::sea_orm::DbBackend::Sqlite;
        connection.execute_unprepared(&create(sqlite)).await?;
        // Only the first run of an item takes what came with it. What is sealed is sealed for the item's id, so that
        // stays where it is another than the run's.
        let progress: Vec<_> = PROGRESS.split(", ").map(|column| format!("r.{column}")).collect();
        let first = |column: &str| format!("CASE WHEN r.id = f.first THEN i.{column} END");
        let taken: Vec<_> =
            ["trigger_id", "dedupe_key", "labels", "useful_until", "wrapped_key", "payload"].map(first).into();
        let runs = format!(
            "INSERT INTO whole_runs (id, {PROGRESS}, item_id, trigger_id, dedupe_key, labels, useful_until, \
             wrapped_key, payload) \
             SELECT r.id, {}, r.item_id, {} FROM runs r JOIN inbox i ON i.id = r.item_id \
             JOIN (SELECT item_id, MIN(id) AS first FROM runs GROUP BY item_id) f ON f.item_id = r.item_id",
            progress.join(", "),
            taken.join(", "),
        );
        connection.execute_unprepared(&runs).await?;
        // What was left out has no run: it becomes one that never began.
        connection
            .execute_unprepared(
                "INSERT INTO whole_runs (id, automation_id, script_id, contract_id, phase, attempts, generation, \
                 segments, journal_bytes, code, calls, effects, suppressed, created_at, ended_at, item_id, trigger_id, \
                 dedupe_key, labels, useful_until, wrapped_key, payload) \
                 SELECT 'run_' || substr(i.id, 6), i.automation_id, a.script_id, a.contract_id, 'skipped', 0, 0, 0, 0, \
                 'RUN_OVERLAP', 0, 0, 0, i.created_at, i.created_at, i.id, i.trigger_id, i.dedupe_key, i.labels, \
                 i.useful_until, i.wrapped_key, i.payload FROM inbox i JOIN automations a ON a.id = i.automation_id \
                 WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.item_id = i.id)",
            )
            .await?;
        connection.execute_unprepared("DROP TABLE runs").await?;
        connection.execute_unprepared("DROP TABLE inbox").await?;
        connection.execute_unprepared("ALTER TABLE whole_runs RENAME TO runs").await?;
        for index in INDEXES {
            connection.execute_unprepared(index).await?;
        }
        for column in ["attempt", "calls", "effects", "suppressed", "at"] {
            let add = format!("ALTER TABLE journal ADD COLUMN {column} bigint NOT NULL DEFAULT 0");
            connection.execute_unprepared(&add).await?;
        }
        Ok(())
    }
}
