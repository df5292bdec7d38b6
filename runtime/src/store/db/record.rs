//! What a row of a table is, and the statements that write one.

use sea_orm::{DbBackend, EntityTrait, IdenStatic, Iterable};

use super::cell::{Cell, FromRow, Kind};

/// A row of one table. Implemented by `table!` in `rows.rs`.
pub(in crate::store) trait Record: FromRow + Sync {
    /// What the columns hold, in the order of the table's columns.
    fn kinds() -> &'static [Kind];

    /// The row's cells, in the same order.
    fn cells(&self) -> Vec<Cell<'_>>;

    /// The statements that write such rows.
    fn sql() -> &'static Statements;
}

/// The statements that write rows of one table, for each database, made once.
///
/// SQLite executes them for each row, with the cells as parameters. PostgreSQL executes them once for all rows, with
/// one list for each column.
pub(in crate::store) struct Statements {
    sqlite: Sql,
    postgres: Sql,
}

pub(super) struct Sql {
    /// Adds a row.
    pub(super) insert: String,
    /// Adds a row, or replaces the one with its key.
    pub(super) put: String,
    /// Adds a row, unless there is one with its key.
    pub(super) insert_new: String,
    /// Replaces the row with its key.
    pub(super) update: String,
}

impl Statements {
    pub(in crate::store) fn of<E: EntityTrait>(entity: E, kinds: &[Kind]) -> Self {
        let columns: Vec<_> = E::Column::iter().map(|column| column.as_str()).collect();
        let keys: Vec<_> = E::PrimaryKey::iter().map(|key| key.as_str()).collect();
        let table = Table { name: entity.table_name(), columns, keys, kinds };
        Self { sqlite: table.sqlite(), postgres: table.postgres() }
    }

    pub(super) fn on(&self, backend: DbBackend) -> &Sql {
        if backend == DbBackend::Postgres { &self.postgres } else { &self.sqlite }
    }
}

struct Table<'t> {
    name: &'static str,
    columns: Vec<&'static str>,
    keys: Vec<&'static str>,
    kinds: &'t [Kind],
}

fn list<'n>(names: impl IntoIterator<Item = &'n &'static str>) -> String {
    names.into_iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

impl Table<'_> {
    /// The columns beside the key.
    fn rest(&self) -> impl Iterator<Item = &&'static str> {
        self.columns.iter().filter(|column| !self.keys.contains(column))
    }

    fn sqlite(&self) -> Sql {
        let places = (1..=self.columns.len()).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let place = |name: &str| self.columns.iter().position(|column| *column == name).map_or(0, |index| index + 1);
        let equals = |name: &&str| format!("\"{name}\" = ?{}", place(name));
        let update = format!(
            "UPDATE \"{}\" SET {} WHERE {}",
            self.name,
            self.rest().map(equals).collect::<Vec<_>>().join(", "),
            self.keys.iter().map(equals).collect::<Vec<_>>().join(" AND ")
        );
        self.with(format!("VALUES ({places})"), update)
    }

    fn postgres(&self) -> Sql {
        let list_of = |(index, kind): (usize, &Kind)| format!("${}::{}[]", index + 1, kind.postgres());
        let lists = self.kinds.iter().enumerate().map(list_of).collect::<Vec<_>>().join(", ");
        let update = format!(
            "UPDATE \"{name}\" SET {} FROM UNNEST({lists}) AS fresh ({}) WHERE {}",
            self.rest().map(|column| format!("\"{column}\" = fresh.\"{column}\"")).collect::<Vec<_>>().join(", "),
            list(&self.columns),
            self.keys
                .iter()
                .map(|key| format!("\"{}\".\"{key}\" = fresh.\"{key}\"", self.name))
                .collect::<Vec<_>>()
                .join(" AND "),
            name = self.name,
        );
        self.with(format!("SELECT * FROM UNNEST({lists})"), update)
    }

    fn with(&self, rows: String, update: String) -> Sql {
        let insert = format!("INSERT INTO \"{}\" ({}) {rows}", self.name, list(&self.columns));
        let conflict = format!("{insert} ON CONFLICT ({}) DO", list(&self.keys));
        let fresh = self.rest().map(|name| format!("\"{name}\" = excluded.\"{name}\"")).collect::<Vec<_>>().join(", ");
        // A row that is all key is replaced by itself.
        let put =
            if fresh.is_empty() { format!("{conflict} NOTHING") } else { format!("{conflict} UPDATE SET {fresh}") };
        Sql { put, insert_new: format!("{conflict} NOTHING"), update, insert }
    }
}
