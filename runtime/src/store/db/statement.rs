//! SQL with its parameters, made from a query of sea-orm's.

use sea_orm::sea_query::Value;
use sea_orm::{DbBackend, Statement, StatementBuilder};

use super::cell::Cell;
use crate::store::Error;

/// SQL with its parameters.
pub(in crate::store) struct Query {
    pub(super) sql: String,
    values: Vec<Value>,
}

impl Query {
    pub(in crate::store) fn of(builder: &impl StatementBuilder, backend: DbBackend) -> Self {
        let Statement { sql, values, .. } = builder.build(&backend);
        Self { sql, values: values.map(|values| values.0).unwrap_or_default() }
    }

    /// A query without parameters, in plain text.
    pub(in crate::store) fn plain(sql: &str) -> Self {
        Self { sql: sql.to_owned(), values: Vec::new() }
    }

    pub(super) fn cells(&self) -> Result<Vec<Cell<'_>>, Error> {
        self.values.iter().map(|value| cell(value)?.check()).collect()
    }
}

/// The cell for a parameter. Every number goes as the widest that both databases know.
#[expect(clippy::wildcard_enum_match_arm, reason = "sea-query has kinds that no column of ours is compared with")]
fn cell(value: &Value) -> Result<Cell<'_>, Error> {
    Ok(match value {
        Value::Bool(truth) => Cell::Integer(truth.map(i64::from)),
        Value::Int(number) => Cell::Integer(number.map(i64::from)),
        Value::BigInt(number) => Cell::Integer(*number),
        Value::Unsigned(number) => Cell::Integer(number.map(i64::from)),
        // Only what is counted or limited comes so.
        Value::BigUnsigned(number) => Cell::Integer(number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))),
        Value::String(text) => Cell::Text(text.as_deref()),
        Value::Bytes(bytes) => Cell::Blob(bytes.as_deref()),
        other => return Err(Error::Database { reason: format!("a parameter of no known kind: {other:?}") }),
    })
}
