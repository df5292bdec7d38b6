//! The spine: automations, their contracts and scripts, the inbox, runs, journals, the ledger, waits, needs,
//! events, and what surrounds them.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_spine"
    }
}

/// A column: its name, its type, and whether it may be absent.
type Column = (&'static str, Type, bool);

#[derive(Clone, Copy)]
enum Type {
    Text,
    Integer,
    Blob,
}

use Type::{Blob, Integer, Text};

const OPTIONAL: bool = true;
const REQUIRED: bool = false;

/// A table: its name, its primary key, its columns, and its indexes as (name, unique, columns).
struct Shape {
    name: &'static str,
    key: &'static [&'static str],
    columns: &'static [Column],
    indexes: &'static [(&'static str, bool, &'static [&'static str])],
}

const TABLES: &[Shape] = &[
    Shape {
        name: "automations",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("name", Text, REQUIRED),
            ("title", Text, REQUIRED),
            ("mode", Text, REQUIRED),
            ("contract_id", Text, REQUIRED),
            ("script_id", Text, REQUIRED),
            ("created_at", Integer, REQUIRED),
            ("activated_at", Integer, REQUIRED),
            ("updated_at", Integer, REQUIRED),
        ],
        indexes: &[("automations_by_name", true, &["name"])],
    },
    Shape {
        name: "contracts",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("automation_id", Text, REQUIRED),
            ("version", Integer, REQUIRED),
            ("body", Text, REQUIRED),
            ("digest", Text, REQUIRED),
            ("created_at", Integer, REQUIRED),
        ],
        indexes: &[("contracts_by_automation", true, &["automation_id", "version"])],
    },
    Shape {
        name: "scripts",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("automation_id", Text, REQUIRED),
            ("contract_id", Text, REQUIRED),
            ("major", Integer, REQUIRED),
            ("minor", Integer, REQUIRED),
            ("source", Text, REQUIRED),
            ("digest", Text, REQUIRED),
            ("created_at", Integer, REQUIRED),
        ],
        indexes: &[("scripts_by_automation", true, &["automation_id", "major", "minor"])],
    },
    Shape {
        name: "triggers",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("automation_id", Text, REQUIRED),
            ("position", Integer, REQUIRED),
            ("kind", Text, REQUIRED),
            ("body", Text, REQUIRED),
            ("live", Integer, REQUIRED),
            ("next_at", Integer, OPTIONAL),
            ("last_at", Integer, REQUIRED),
        ],
        indexes: &[
            ("triggers_by_automation", false, &["automation_id"]),
            ("triggers_by_next", false, &["next_at"]),
            ("triggers_by_kind", false, &["kind", "live"]),
        ],
    },
    Shape {
        name: "seen_files",
        key: &["trigger_id", "path"],
        columns: &[
            ("trigger_id", Text, REQUIRED),
            ("path", Text, REQUIRED),
            ("size", Integer, REQUIRED),
            ("modified_ms", Integer, REQUIRED),
            ("digest", Text, REQUIRED),
        ],
        indexes: &[],
    },
    Shape {
        name: "inbox",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("automation_id", Text, REQUIRED),
            ("trigger_id", Text, OPTIONAL),
            ("dedupe_key", Text, REQUIRED),
            ("payload", Blob, OPTIONAL),
            ("wrapped_key", Blob, OPTIONAL),
            ("labels", Text, REQUIRED),
            ("useful_until", Integer, OPTIONAL),
            ("created_at", Integer, REQUIRED),
        ],
        indexes: &[("inbox_by_dedupe", true, &["automation_id", "dedupe_key"])],
    },
    Shape {
        name: "runs",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("automation_id", Text, REQUIRED),
            ("item_id", Text, REQUIRED),
            ("script_id", Text, REQUIRED),
            ("contract_id", Text, REQUIRED),
            ("phase", Text, REQUIRED),
            ("attempts", Integer, REQUIRED),
            ("generation", Integer, REQUIRED),
            ("segments", Integer, REQUIRED),
            ("journal_bytes", Integer, REQUIRED),
            ("class", Text, OPTIONAL),
            ("code", Text, OPTIONAL),
            ("calls", Integer, REQUIRED),
            ("effects", Integer, REQUIRED),
            ("suppressed", Integer, REQUIRED),
            ("created_at", Integer, REQUIRED),
            ("started_at", Integer, OPTIONAL),
            ("ended_at", Integer, OPTIONAL),
        ],
        indexes: &[
            ("runs_by_phase", false, &["phase", "id"]),
            ("runs_by_automation", false, &["automation_id", "id"]),
            ("runs_by_item", false, &["item_id"]),
        ],
    },
    Shape {
        name: "journal",
        key: &["run_id", "generation", "segment"],
        columns: &[
            ("run_id", Text, REQUIRED),
            ("generation", Integer, REQUIRED),
            ("segment", Integer, REQUIRED),
            ("records", Blob, REQUIRED),
        ],
        indexes: &[],
    },
    Shape {
        name: "ledger",
        key: &["identity"],
        columns: &[
            ("identity", Blob, REQUIRED),
            ("id", Text, REQUIRED),
            ("automation_id", Text, REQUIRED),
            ("tool", Text, REQUIRED),
            ("key_text", Blob, OPTIONAL),
            ("state", Text, REQUIRED),
            ("run_id", Text, REQUIRED),
            ("call", Integer, REQUIRED),
            ("item_id", Text, REQUIRED),
            ("arguments", Text, REQUIRED),
            ("outcome", Blob, OPTIONAL),
            ("settled_by", Text, OPTIONAL),
            ("performances", Integer, REQUIRED),
            ("suppressions", Integer, REQUIRED),
            ("started_at", Integer, REQUIRED),
            ("settled_at", Integer, OPTIONAL),
        ],
        indexes: &[
            ("ledger_by_id", true, &["id"]),
            ("ledger_by_run", false, &["run_id"]),
            ("ledger_by_automation", false, &["automation_id", "started_at"]),
            ("ledger_by_state", false, &["state"]),
        ],
    },
    Shape {
        name: "rate_marks",
        key: &["subject", "effect"],
        columns: &[("subject", Blob, REQUIRED), ("effect", Text, REQUIRED), ("at", Integer, REQUIRED)],
        indexes: &[("rate_marks_by_time", false, &["subject", "at"]), ("rate_marks_by_age", false, &["at"])],
    },
    Shape {
        name: "waits",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("run_id", Text, REQUIRED),
            ("kind", Text, REQUIRED),
            ("until_at", Integer, OPTIONAL),
            ("event", Text, OPTIONAL),
            ("need_id", Text, OPTIONAL),
            ("effect_run_id", Text, OPTIONAL),
            ("created_at", Integer, REQUIRED),
        ],
        indexes: &[
            ("waits_by_run", false, &["run_id"]),
            ("waits_by_time", false, &["until_at"]),
            ("waits_by_event", false, &["event"]),
            ("waits_by_need", false, &["need_id"]),
            ("waits_by_effect_run", false, &["effect_run_id"]),
        ],
    },
    Shape {
        name: "signals",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("name", Text, REQUIRED),
            ("payload", Blob, REQUIRED),
            ("run_id", Text, OPTIONAL),
            ("at", Integer, REQUIRED),
        ],
        indexes: &[("signals_by_name", false, &["name", "at"]), ("signals_by_age", false, &["at"])],
    },
    Shape {
        name: "needs",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("kind", Text, REQUIRED),
            ("status", Text, REQUIRED),
            ("dedupe_key", Text, REQUIRED),
            ("automation_id", Text, OPTIONAL),
            ("run_id", Text, OPTIONAL),
            ("call", Integer, OPTIONAL),
            ("effect", Blob, OPTIONAL),
            ("body", Blob, REQUIRED),
            ("occurrences", Integer, REQUIRED),
            ("answer", Text, OPTIONAL),
            ("answered_by", Text, OPTIONAL),
            ("created_at", Integer, REQUIRED),
            ("answered_at", Integer, OPTIONAL),
        ],
        indexes: &[
            ("needs_by_status", false, &["status", "id"]),
            ("needs_by_dedupe", false, &["dedupe_key", "status"]),
            ("needs_by_run", false, &["run_id"]),
        ],
    },
    Shape {
        name: "notices",
        key: &["id"],
        columns: &[
            ("id", Text, REQUIRED),
            ("automation_id", Text, OPTIONAL),
            ("run_id", Text, OPTIONAL),
            ("level", Text, REQUIRED),
            ("body", Blob, REQUIRED),
            ("created_at", Integer, REQUIRED),
        ],
        indexes: &[("notices_by_age", false, &["created_at"])],
    },
    Shape {
        name: "state",
        key: &["automation_id", "name"],
        columns: &[
            ("automation_id", Text, REQUIRED),
            ("name", Text, REQUIRED),
            ("value", Blob, OPTIONAL),
            ("version", Integer, REQUIRED),
            ("updated_at", Integer, REQUIRED),
        ],
        indexes: &[],
    },
    Shape {
        name: "settings",
        key: &["name"],
        columns: &[("name", Text, REQUIRED), ("value", Text, REQUIRED), ("updated_at", Integer, REQUIRED)],
        indexes: &[],
    },
    Shape {
        name: "answered_requests",
        key: &["key"],
        columns: &[
            ("key", Text, REQUIRED),
            ("digest", Text, REQUIRED),
            ("status", Integer, REQUIRED),
            ("body", Blob, REQUIRED),
            ("at", Integer, REQUIRED),
        ],
        indexes: &[("answered_requests_by_age", false, &["at"])],
    },
];

fn column((name, kind, optional): Column) -> ColumnDef {
    let mut definition = ColumnDef::new(Alias::new(name));
    match kind {
        Text => definition.text(),
        Integer => definition.big_integer(),
        Blob => definition.blob(),
    };
    if !optional {
        definition.not_null();
    }
    definition
}

async fn create(manager: &SchemaManager<'_>, shape: &Shape) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(Alias::new(shape.name));
    for definition in shape.columns {
        table.col(column(*definition));
    }
    let mut key = Index::create();
    for name in shape.key {
        key.col(Alias::new(*name));
    }
    manager.create_table(table.primary_key(&mut key).to_owned()).await?;
    for (name, unique, columns) in shape.indexes {
        let mut index = Index::create();
        index.name(*name).table(Alias::new(shape.name));
        for part in *columns {
            index.col(Alias::new(*part));
        }
        if *unique {
            index.unique();
        }
        manager.create_index(index.to_owned()).await?;
    }
    Ok(())
}

/// Events have a position of their own, and nobody may change or delete one.
async fn create_events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut table = Table::create();
    table
        .table(Alias::new("events"))
        .col(ColumnDef::new(Alias::new("position")).big_integer().not_null().auto_increment().primary_key());
    for (name, kind, optional) in [
        ("event_id", Text, REQUIRED),
        ("workspace", Text, REQUIRED),
        ("room", Text, REQUIRED),
        ("stream_seq", Integer, REQUIRED),
        ("type", Text, REQUIRED),
        ("actor", Text, REQUIRED),
        ("correlation_id", Text, OPTIONAL),
        ("causation_id", Text, OPTIONAL),
        ("run", Text, OPTIONAL),
        ("data", Text, REQUIRED),
        ("at", Integer, REQUIRED),
        ("prev_hash", Blob, REQUIRED),
        ("hash", Blob, REQUIRED),
    ] {
        table.col(column((name, kind, optional)));
    }
    manager.create_table(table.to_owned()).await?;
    let mut index = Index::create();
    index.name("events_by_room").table(Alias::new("events")).col(Alias::new("room")).col(Alias::new("stream_seq"));
    manager.create_index(index.unique().to_owned()).await?;

    let connection = manager.get_connection();
    let backend = manager.get_database_backend();
    let statements: &[&str] = if backend == DbBackend::Sqlite {
        &[
            "CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events \
             BEGIN SELECT RAISE(ABORT, 'events are never changed'); END",
            "CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events \
             BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END",
        ]
    } else if backend == DbBackend::Postgres {
        &[
            "CREATE FUNCTION events_are_final() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'events are never changed or deleted'; END $$",
            "CREATE TRIGGER events_are_final BEFORE UPDATE OR DELETE ON events \
             FOR EACH ROW EXECUTE FUNCTION events_are_final()",
        ]
    } else {
        return Err(DbErr::Migration(format!("no rule against changing events for {backend:?}")));
    };
    for statement in statements {
        connection.execute_unprepared(statement).await?;
    }
    Ok(())
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// A first start that is cut off in the middle must not keep the second one from opening.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for shape in TABLES {
            create(manager, shape).await?;
        }
        // Retention looks for what still has its payload, not through all that ever came.
        let kept = "CREATE INDEX inbox_by_age ON inbox (created_at) WHERE wrapped_key IS NOT NULL";
        manager.get_connection().execute_unprepared(kept).await?;
        create_events(manager).await
    }
}
