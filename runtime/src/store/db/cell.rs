//! What one cell of a row can hold, for every database.

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::store::Error;

/// The content of one cell, on its way to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Cell<'c> {
    Integer(Option<i64>),
    Text(Option<&'c str>),
    Blob(Option<&'c [u8]>),
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
}

/// A type that a column may have.
pub(in crate::store) trait Field: Sized + Send + 'static {
    fn cell(&self) -> Cell<'_>;
    fn read(source: &Source<'_>, index: usize) -> Result<Self, Error>;
}

macro_rules! field {
    ($kind:ty, |$value:ident| $cell:expr) => {
        impl Field for $kind {
            fn cell(&self) -> Cell<'_> {
                let $value = self;
                $cell
            }

            fn read(source: &Source<'_>, index: usize) -> Result<Self, Error> {
                match source {
                    Source::Sqlite(row) => Ok(row.get(index)?),
                }
            }
        }
    };
}

field!(i64, |number| Cell::Integer(Some(*number)));
field!(Option<i64>, |number| Cell::Integer(*number));
field!(String, |text| Cell::Text(Some(text)));
field!(Option<String>, |text| Cell::Text(text.as_deref()));
field!(Vec<u8>, |bytes| Cell::Blob(Some(bytes)));
field!(Option<Vec<u8>>, |bytes| Cell::Blob(bytes.as_deref()));

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
