//! Every table of the store, listed once: what a backup holds, what moves to another database, and what keeps each
//! table from growing without end.
//!
//! A table that is in the database and not in this list, or the other way round, fails a test. So no backup, no move
//! and no retention forgets one.

use rusqlite::types::ValueRef;
use sea_orm::sea_query::{Alias, ColumnType, Expr, InsertStatement, Query, SelectStatement};
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{Column as _, Row as _, TypeInfo};
use sea_orm::{ColumnTrait, EntityName, EntityTrait, IdenStatic, Iterable, Order, Value};
use serde::{Deserialize, Serialize};

use super::Error;
use super::db::{FromRow, Source};
use super::rows;

/// What keeps a table from growing without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// As many rows as people have made things: nothing is removed by itself.
    Made,
    /// Rows go when they are old, or when nothing needs them any more.
    Age,
    /// Rows are thinned when they are old: what remains is small, and needed to know what happened.
    Thinned,
    /// Rows never change. Old ones go into the archive.
    Archived,
    /// One row or a few, about this installation alone: neither backups nor other databases get them.
    Local,
}

/// What a column holds: nothing else is used, so that both databases hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Text,
    Integer,
    Blob,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// One value of a row, whatever database holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Blob(Vec<u8>),
}

/// One row, its cells in the order of the table's columns.
pub(super) type Row = Vec<Cell>;

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $rows:ident, $bound:ident, by $order:expr;)*) => {
        /// A table of the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($(#[$doc])* $table,)*
        }

        impl Table {
            /// Every table.
            pub const ALL: &[Self] = &[$(Self::$table),*];

            /// Its name in the database.
            pub fn name(self) -> &'static str {
                match self { $(Self::$table => rows::$rows::Entity.table_name(),)* }
            }

            /// What keeps it from growing without end.
            pub const fn bound(self) -> Bound {
                match self { $(Self::$table => Bound::$bound,)* }
            }

            /// Its columns, in a fixed order.
            pub(super) fn columns(self) -> Vec<Column> {
                match self { $(Self::$table => columns_of::<rows::$rows::Entity>(),)* }
            }

            /// The columns by which its rows have an order of their own: where it can be, that in which they came.
            pub(super) const fn order(self) -> &'static [&'static str] {
                match self { $(Self::$table => &$order,)* }
            }
        }
    };
}

tables! {
    /// What was delegated.
    Automations = automation, Made, by ["id"];
    /// Versions of contracts.
    Contracts = contract, Made, by ["id"];
    /// Versions of scripts.
    Scripts = script, Made, by ["id"];
    /// What starts runs.
    Triggers = trigger, Made, by ["id"];
    /// Files that a watcher has delivered.
    SeenFiles = seen_file, Age, by ["trigger_id", "path"];
    /// Executions, each with the item that it is about.
    Runs = whole_run, Thinned, by ["id"];
    /// What runs did, by segments.
    Journal = segment, Age, by ["run_id", "generation", "segment"];
    /// What happened under each effect key.
    Ledger = effect, Thinned, by ["id"];
    /// Places taken in windows.
    RateMarks = rate_mark, Age, by ["subject", "effect"];
    /// What people are asked to approve, and what they said.
    Approvals = approval, Thinned, by ["id"];
    /// Which effects began under which approval.
    ApprovalUses = approval_use, Thinned, by ["approval_id", "effect"];
    /// Where the content of written files came from.
    FileLabels = file_label, Age, by ["folder", "path"];
    /// What runs sleep on.
    Waits = wait, Age, by ["id"];
    /// Events that automations emitted.
    Signals = signal, Age, by ["id"];
    /// What people are asked.
    Needs = need, Thinned, by ["id"];
    /// Links in mails that answer needs.
    NeedLinks = need_link, Age, by ["id"];
    /// What left, or is to leave, to tell the user.
    Deliveries = delivery, Age, by ["id"];
    /// What people are told.
    Notices = notice, Age, by ["id"];
    /// What automations remember.
    State = state, Made, by ["automation_id", "name"];
    /// What shadow runs would have done.
    ShadowNotes = shadow_note, Age, by ["id"];
    /// What automations remember in their shadow.
    ShadowState = shadow_state, Age, by ["shadow", "name"];
    /// Settings that take effect at once.
    Settings = setting, Made, by ["name"];
    /// Answers to requests that may come again.
    AnsweredRequests = request, Age, by ["key"];
    /// Who may act as an engine outside.
    EngineTokens = engine_token, Made, by ["id"];
    /// What engines outside have made.
    Artifacts = artifact, Age, by ["id"];
    /// Who provides models.
    Providers = provider, Made, by ["name"];
    /// What models were asked for, and what it cost.
    ModelCalls = model_call, Thinned, by ["id"];
    /// Proof sheets of trials.
    Trials = trial, Age, by ["id"];
    /// Recorded cases with the effects that they must lead to.
    Goldens = golden, Made, by ["id"];
    /// Conversations.
    Threads = thread, Age, by ["id"];
    /// What was said in them.
    Messages = message, Age, by ["thread_id", "seq"];
    /// What the planner did in them.
    Steps = step, Age, by ["thread_id", "step"];
    /// What was proposed in them.
    Cards = card, Age, by ["id"];
    /// What the maintainer did about failures.
    Repairs = repair, Thinned, by ["id"];
    /// How it went about it.
    RepairSteps = repair_step, Age, by ["repair_id", "step"];
    /// Runs that failed and wait for a repair, or went on after one.
    RepairRuns = repair_run, Age, by ["run_id"];
    /// What is known of the shapes of results.
    Fingerprints = fingerprint, Made, by ["automation_id", "site"];
    /// Failures that have one cause.
    Incidents = incident, Age, by ["id"];
    /// The failures and recoveries that those are made of.
    IncidentMarks = incident_mark, Age, by ["id"];
    /// The record of what changed.
    Events = event, Archived, by ["position"];
    /// Segments of events that are in the archive.
    Archives = archive, Made, by ["last_position"];
    /// Where the streams stood that went into the archive.
    ArchivedHeads = archived_head, Made, by ["room"];
    /// Automations whose ledger may have forgotten what happened after a backup.
    Cautions = caution, Made, by ["automation_id"];
    /// Which server is active, where several could be.
    ActiveServer = active_server, Local, by ["id"];
}

impl Table {
    /// The table of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|table| table.name() == name)
    }

    /// Whether a backup holds it, and another database gets it.
    pub const fn travels(self) -> bool {
        !matches!(self.bound(), Bound::Local)
    }

    /// Asks for all rows, in their order.
    pub(super) fn select(self) -> SelectStatement {
        let mut query = Query::select();
        query.from(Alias::new(self.name()));
        for column in self.columns() {
            query.column(Alias::new(column.name));
        }
        for column in self.order() {
            query.order_by(Alias::new(*column), Order::Asc);
        }
        query
    }
}

fn columns_of<E: EntityTrait>() -> Vec<Column> {
    let kind = |column: &E::Column| {
        let definition = column.def();
        let kind = definition.get_column_type();
        if matches!(kind, ColumnType::Text | ColumnType::String(_)) {
            Kind::Text
        } else if matches!(kind, ColumnType::BigInteger) {
            Kind::Integer
        } else {
            assert!(matches!(kind, ColumnType::Blob | ColumnType::VarBinary(_)), "no table of ours has a {kind:?}");
            Kind::Blob
        }
    };
    E::Column::iter().map(|column| Column { name: column.as_str().to_owned(), kind: kind(&column) }).collect()
}

impl FromRow for Row {
    /// Reads every column, whatever it holds.
    fn from_row(source: &Source<'_>) -> Result<Self, Error> {
        match source {
            Source::Sqlite(row) => {
                (0..row.as_ref().column_count()).map(|index| Ok(cell(row.get_ref(index)?)?)).collect()
            }
            Source::Postgres(row) => (0..row.len()).map(|index| cell_of_postgres(row, index)).collect(),
        }
    }
}

fn cell(value: ValueRef<'_>) -> rusqlite::Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Text(_) => Cell::Text(value.as_str()?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_owned()),
        ValueRef::Real(_) => return Err(rusqlite::types::FromSqlError::InvalidType.into()),
    })
}

fn cell_of_postgres(row: &PgRow, index: usize) -> Result<Cell, Error> {
    let cell = match row.column(index).type_info().name() {
        "INT8" => row.try_get::<Option<i64>, _>(index)?.map(Cell::Integer),
        "BYTEA" => row.try_get::<Option<Vec<u8>>, _>(index)?.map(Cell::Blob),
        _ => row.try_get::<Option<String>, _>(index)?.map(Cell::Text),
    };
    Ok(cell.unwrap_or(Cell::Null))
}

/// Puts rows into a table, which may be that of an earlier version: its columns come with the rows.
pub(super) fn insert(table: &str, columns: &[Column], rows: Vec<Row>) -> InsertStatement {
    let mut query = Query::insert();
    query.into_table(Alias::new(table)).columns(columns.iter().map(|column| Alias::new(&column.name)));
    for row in rows {
        let values = columns.iter().zip(row).map(|(column, cell)| Expr::value(parameter(column, cell)));
        query.values_panic(values);
    }
    query
}

/// The value of a cell of an order, which is never absent.
pub(super) fn value_of(cell: Cell) -> Value {
    match cell {
        Cell::Text(text) => text.into(),
        Cell::Integer(number) => number.into(),
        Cell::Blob(bytes) => bytes.into(),
        Cell::Null => Value::Int(None),
    }
}

/// The value of a cell as a parameter: what is absent still has the type of its column.
fn parameter(column: &Column, cell: Cell) -> Value {
    match (cell, column.kind) {
        (Cell::Text(text), _) => text.into(),
        (Cell::Integer(number), _) => number.into(),
        (Cell::Blob(bytes), _) => bytes.into(),
        (Cell::Null, Kind::Text) => Option::<String>::None.into(),
        (Cell::Null, Kind::Integer) => Option::<i64>::None.into(),
        (Cell::Null, Kind::Blob) => Option::<Vec<u8>>::None.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::{ConnectOptions, ConnectionTrait, Database, Statement};
    use sea_orm_migration::MigratorTrait;

    use super::*;

    async fn first_column(sql: String) -> BTreeSet<String> {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1).sqlx_logging(false);
        let database = Database::connect(options).await.unwrap();
        migrations::Migrator::up(&database, None).await.unwrap();
        let rows = database.query_all_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    #[tokio::test]
    async fn every_table_of_the_database_is_listed_with_all_its_columns() {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                   AND name <> 'seaql_migrations'";
        let listed: BTreeSet<_> = Table::ALL.iter().map(|table| table.name().to_owned()).collect();
        assert_eq!(first_column(sql.to_owned()).await, listed);
        for table in Table::ALL {
            let columns: BTreeSet<_> = table.columns().into_iter().map(|column| column.name).collect();
            let there = first_column(format!("SELECT name FROM pragma_table_info('{}')", table.name())).await;
            assert_eq!(there, columns, "{}", table.name());
            assert!(table.order().iter().all(|column| columns.contains(*column)), "{}", table.name());
            assert_eq!(Table::named(table.name()), Some(*table));
        }
    }
}
