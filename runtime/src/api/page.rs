//! Lists in pages: newest first, from a cursor on.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{Code, Error};
use crate::store;

/// A page that nobody sized.
const LIMIT: u16 = 50;
/// A longer page is several.
const LIMIT_MAX: u16 = 200;

/// Where a page begins and how long it is.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Only what is older than this: the `next` of the page before.
    pub(super) before: Option<String>,
    /// How many at most: 50 unless said, 200 at most.
    pub(super) limit: Option<u16>,
}

impl Paging {
    /// How many items the page has.
    pub(super) fn limit(&self) -> usize {
        usize::from(self.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX))
    }

    /// How many to look for, so that it is known whether there are more.
    pub(super) fn look_for(&self) -> u64 {
        self.limit() as u64 + 1
    }

    /// The cursor.
    pub(super) fn before<T: std::str::FromStr>(&self) -> Result<Option<T>, Error> {
        let parse = |text: &String| text.parse().map_err(|_| malformed("before", text));
        self.before.as_ref().map(parse).transpose()
    }

    /// Cuts what was found to the page, and says where the next one begins.
    pub(super) fn cut<T>(&self, mut found: Vec<T>, cursor: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let more = found.len() > self.limit();
        found.truncate(self.limit());
        let next = found.last().filter(|_| more).map(cursor);
        (found, next)
    }
}

/// Says that a part of the address is malformed.
pub(super) fn malformed(name: &str, text: &str) -> Error {
    let shown: String = text.chars().take(64).collect();
    Error::new(Code::QueryMalformed, format!("`{shown}` makes no sense as `{name}`"))
}

/// Reads an id out of an address; what is no id names nothing.
pub(super) fn id<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, Error> {
    let shown: String = text.chars().take(64).collect();
    text.parse().map_err(|_| store::Error::NotFound { what, which: shown }.into())
}
