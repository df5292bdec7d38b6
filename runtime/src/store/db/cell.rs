//! What one cell of a row can hold, for every database.

use rusqlite::types::{ToSqlOutput, ValueRef};
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::{Row, TypeInfo, ValueRef as _};

use crate::store::Error;

/// What a column holds: nothing else is used, so that both databases hold the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Integer,
    Text,
    Blob,
}

impl Kind {
    /// Its name in PostgreSQL.
    pub(super) const fn postgres(self) -> &'static str {
        match self {
            Self::Integer => "int8",
            Self::Text => "text",
            Self::Blob => "bytea",
        }
    }
}

/// The content of one cell, on its way to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Cell<'c> {
    Integer(Option<i64>),
    Text(Option<&'c str>),
    Blob(Option<&'c [u8]>),
}

impl<'c> Cell<'c> {
    /// Refuses a text that one of the databases cannot hold, in both.
    pub(super) fn check(self) -> Result<Self, Error> {
        match self {
            Self::Text(Some(text)) if text.as_bytes().contains(&0) => Err(Error::Conflict {
                code: "TEXT_NUL",
                reason: "a name or a text has a NUL character (U+0000) in it, which cannot be stored".to_owned(),
            }),
            Self::Text(_) | Self::Integer(_) | Self::Blob(_) => Ok(self),
        }
    }

    pub(super) fn integer(self) -> Option<i64> {
        match self {
            Self::Integer(number) => number,
            Self::Text(_) | Self::Blob(_) => None,
        }
    }

    pub(super) fn text(self) -> Option<&'c str> {
        match self {
            Self::Text(text) => text,
            Self::Integer(_) | Self::Blob(_) => None,
        }
    }

    pub(super) fn blob(self) -> Option<&'c [u8]> {
        match self {
            Self::Blob(bytes) => bytes,
            Self::Integer(_) | Self::Text(_) => None,
        }
    }
}

impl rusqlite::ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Integer(Some(number)) => ValueRef::Integer(*number),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Integer(None) | Self::Text(None) | Self::Blob(None) => ValueRef::Null,
        }))
    }
}

/// One row of an answer.
pub(in crate::store) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r PgRow),
}

impl Source<'_> {
    /// A number. PostgreSQL counts in 64 bits and measures lengths in 32.
    fn number(&self, index: usize) -> Result<Option<i64>, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.get(index)?,
            Self::Postgres(row) => match row.try_get_raw(index)?.type_info().name() {
                "INT4" => row.try_get::<Option<i32>, _>(index)?.map(i64::from),
                _ => row.try_get(index)?,
            },
        })
    }

    fn text(&self, index: usize) -> Result<Option<String>, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.get(index)?,
            Self::Postgres(row) => row.try_get(index)?,
        })
    }

    fn bytes(&self, index: usize) -> Result<Option<Vec<u8>>, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.get(index)?,
            Self::Postgres(row) => row.try_get(index)?,
        })
    }
}

fn missing(index: usize) -> Error {
    Error::Database { reason: format!("column {} of an answer is empty", index + 1) }
}

/// A type that a column may have.
pub(in crate::store) trait Field: Sized + Send + 'static {
    const KIND: Kind;
    fn cell(&self) -> Cell<'_>;
    fn read(source: &Source<'_>, index: usize) -> Result<Self, Error>;
}

macro_rules! field {
    ($kind:ty, $cell:ident, |$value:ident| $content:expr, $read:ident) => {
        impl Field for $kind {
            const KIND: Kind = Kind::$cell;

            fn cell(&self) -> Cell<'_> {
                let $value = self;
                Cell::$cell(Some($content))
            }

            fn read(source: &Source<'_>, index: usize) -> Result<Self, Error> {
                source.$read(index)?.ok_or_else(|| missing(index))
            }
        }

        impl Field for Option<$kind> {
            const KIND: Kind = Kind::$cell;

            fn cell(&self) -> Cell<'_> {
                Cell::$cell(self.as_ref().map(|$value| $content))
            }

            fn read(source: &Source<'_>, index: usize) -> Result<Self, Error> {
                source.$read(index)
            }
        }
    };
}

field!(i64, Integer, |number| *number, number);
field!(String, Text, |text| text.as_str(), text);
field!(Vec<u8>, Blob, |bytes| bytes.as_slice(), bytes);

/// What an answer is read into: a model, one column, or several.
pub(in crate::store) trait FromRow: Sized + Send + 'static {
    fn from_row(source: &Source<'_>) -> Result<Self, Error>;
}

impl<F: Field> FromRow for F {
    fn from_row(source: &Source<'_>) -> Result<Self, Error> {
        F::read(source, 0)
    }
}

macro_rules! tuple {
    ($($field:ident $index:tt),*) => {
        impl<$($field: Field),*> FromRow for ($($field,)*) {
            fn from_row(source: &Source<'_>) -> Result<Self, Error> {
                Ok(($($field::read(source, $index)?,)*))
            }
        }
    };
}

tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
