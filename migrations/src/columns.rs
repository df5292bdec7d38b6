//! The columns that tables are made of: the three kinds that every database has.

use sea_orm_migration::prelude::*;

pub(crate) fn text(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.text();
    column
}

pub(crate) fn integer(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.big_integer();
    column
}

pub(crate) fn blob(name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(Alias::new(name));
    column.blob();
    column
}

pub(crate) fn required(mut column: ColumnDef) -> ColumnDef {
    column.not_null();
    column
}

pub(crate) fn key(mut column: ColumnDef) -> ColumnDef {
    column.not_null().primary_key();
    column
}

/// Makes a table. Several columns may be its key; each then comes through [`required`].
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: Vec<ColumnDef>,
) -> Result<(), DbErr> {
    create_keyed(manager, name, columns, &[]).await
}

/// The same with a key of several columns.
pub(crate) async fn create_keyed(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: Vec<ColumnDef>,
    key: &[&'static str],
) -> Result<(), DbErr> {
    let mut table = Table::create();
    table.table(Alias::new(name));
    for column in columns {
        table.col(column);
    }
    if !key.is_empty() {
        let mut index = Index::create();
        for column in key {
            index.col(Alias::new(*column));
        }
        table.primary_key(&mut index);
    }
    manager.create_table(table.to_owned()).await
}

/// Makes an index over one column.
pub(crate) async fn index(
    manager: &SchemaManager<'_>,
    name: &'static str,
    table: &'static str,
    column: &'static str,
) -> Result<(), DbErr> {
    let index = Index::create().name(name).table(Alias::new(table)).col(Alias::new(column)).to_owned();
    manager.create_index(index).await
}
