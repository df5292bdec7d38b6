//! The world outside: a service in a process of its own, which outlives every server that calls it.
//!
//! It writes down each request that it performs, and flushes that to the disk before it answers; so its record says
//! what happened, whatever the server believes. By a seeded mood it misbehaves: it is slow, hangs up before or after
//! it performs, fails after it performed, or turns a request away with a proof that nothing was done.
//!
//! `POST /keyed/…` honours an idempotency key; `POST /queryable/…` performs each time and can be asked with
//! `GET /arrived/{key}`; `PUT /natural/…` leads to the same state however often; `POST /blind/…` performs each time
//! and says nothing; `GET /read/…` changes nothing.

mod effects;
mod http;
mod mood;
mod queue;
mod record;
mod remote;
mod serve;

pub(crate) use record::Line;
pub(crate) use remote::Sink;
pub(crate) use serve::serve;

use serde::{Deserialize, Serialize};

/// The argument that makes the test binary the service.
pub(crate) const ARGUMENT: &str = "--be-the-sink";

/// How the service can be asked whether something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Keyed,
    Queryable,
    Natural,
    Blind,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Keyed, Self::Queryable, Self::Natural, Self::Blind];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Keyed => "keyed",
            Self::Queryable => "queryable",
            Self::Natural => "natural",
            Self::Blind => "blind",
        }
    }
}
