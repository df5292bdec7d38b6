//! What a row of a table is, and the statements that write one.

use sea_orm::{EntityTrait, IdenStatic, Iterable};

use super::cell::{Cell, FromRow};

/// A row of one table. Implemented by `table!` in `rows.rs`.
pub(in crate::store) trait Record: FromRow + Sync {
    /// The row's cells, in the order of the table's columns.
    fn cells(&self) -> Vec<Cell<'_>>;

    /// The statements that write such a row.
    fn sql() -> &'static Sql;
}

/// The statements that write rows of one table, made once.
pub(in crate::store) struct Sql {
    /// Adds a row.
    pub(super) insert: String,
    /// Adds a row, or replaces the one with its key.
    pub(super) put: String,
    /// Adds a row, unless there is one with its key.
    pub(super) insert_new: String,
    /// Replaces the row with its key. Parameters are numbered like the columns.
    pub(super) update: String,
}

impl Sql {
    pub(in crate::store) fn of<E: EntityTrait>(entity: E) -> Self {
        let columns: Vec<_> = E::Column::iter().map(|column| column.as_str()).collect();
        let keys: Vec<_> = E::PrimaryKey::iter().map(|key| key.as_str()).collect();
        let rest = || columns.iter().filter(|column| !keys.contains(column));
        let list = |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        let table = entity.table_name();
        let places = (1..=columns.len()).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let insert = format!("INSERT INTO \"{table}\" ({}) VALUES ({places})", list(&columns));
        let conflict = format!("{insert} ON CONFLICT ({}) DO", list(&keys));
        let fresh = rest().map(|name| format!("\"{name}\" = excluded.\"{name}\"")).collect::<Vec<_>>().join(", ");
        let place = |name: &str| columns.iter().position(|column| *column == name).map_or(0, |index| index + 1);
        let equals = |name: &&str| format!("\"{name}\" = ?{}", place(name));
        Self {
            put: format!("{conflict} UPDATE SET {fresh}"),
            insert_new: format!("{conflict} NOTHING"),
            update: format!(
                "UPDATE \"{table}\" SET {} WHERE {}",
                rest().map(equals).collect::<Vec<_>>().join(", "),
                keys.iter().map(equals).collect::<Vec<_>>().join(" AND ")
            ),
            insert,
        }
    }
}
