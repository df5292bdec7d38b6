//! Asking the database.

use std::future::Future;

use sea_orm::{DbBackend, EntityTrait, QuerySelect, QueryTrait, Select};

use super::cell::FromRow;
use super::statement::Query;
use crate::store::Error;

/// What answers queries: a transaction of the writer's, or the readers.
pub(in crate::store) trait Queries: Sync {
    fn backend(&self) -> DbBackend;

    /// Runs a query and reads its rows.
    fn run<R: FromRow>(&self, query: Query) -> impl Future<Output = Result<Vec<R>, Error>> + Send;

    /// All rows that a query selects.
    fn all<E>(&self, select: Select<E>) -> impl Future<Output = Result<Vec<E::Model>, Error>> + Send
    where
        E: EntityTrait,
        E::Model: FromRow,
    {
        self.run(Query::of(select.as_query(), self.backend()))
    }

    /// The first row that a query selects.
    fn one<E>(&self, select: Select<E>) -> impl Future<Output = Result<Option<E::Model>, Error>> + Send
    where
        E: EntityTrait,
        E::Model: FromRow,
    {
        let rows = self.run(Query::of(select.limit(1).as_query(), self.backend()));
        async move { Ok(rows.await?.pop()) }
    }

    /// The columns that a query selects, for every row: one type for one column, a tuple for several.
    fn tuples<R: FromRow>(&self, select: impl QueryTrait) -> impl Future<Output = Result<Vec<R>, Error>> + Send {
        self.run(Query::of(select.as_query(), self.backend()))
    }

    /// The columns that a query selects, for the first row.
    fn tuple<E, R>(&self, select: Select<E>) -> impl Future<Output = Result<Option<R>, Error>> + Send
    where
        E: EntityTrait,
        R: FromRow,
    {
        let rows = self.run(Query::of(select.limit(1).as_query(), self.backend()));
        async move { Ok(rows.await?.pop()) }
    }

    /// How many rows a query selects.
    fn count<E: EntityTrait>(&self, select: Select<E>) -> impl Future<Output = Result<u64, Error>> + Send {
        use sea_orm::sea_query::{Asterisk, Expr, ExprTrait};
        let counted = select.select_only().expr(Expr::col(Asterisk).count());
        let rows = self.run::<i64>(Query::of(counted.as_query(), self.backend()));
        async move { Ok(rows.await?.pop().unwrap_or(0).unsigned_abs()) }
    }
}
