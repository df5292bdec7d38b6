//! How a service that we know nothing about can be asked whether an effect happened: the contract says it.

use crate::contract::HeaderName;
use crate::time::Span;
use crate::tool::Identity;

/// How a request of `http.request` can be known to have happened. Without one it is blind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredIdentity {
    /// The service honours an idempotency key in a header.
    Keyed {
        /// The header that carries our key.
        header: HeaderName,
        /// How long the service remembers it.
        window: Span,
    },
    /// The service can be asked at an address whether a key arrived: an answer of 2xx says yes, 404 and 410 say no.
    Queryable {
        /// The address, with `{key}` where our key goes.
        url: String,
        /// Only after this long does absence prove anything.
        absent_after: Span,
        /// For how long it can be asked.
        window: Span,
    },
}

/// What stands for our key in an address.
pub(super) const KEY_PLACE: &str = "{key}";

impl DeclaredIdentity {
    /// The identity as the settling of effects knows it.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Keyed { window, .. } => Identity::Keyed { window_ms: millis(*window) },
            Self::Queryable { absent_after, window, .. } => {
                Identity::Queryable { absent_after_ms: millis(*absent_after), window_ms: millis(*window) }
            }
        }
    }
}

fn millis(span: Span) -> u64 {
    u64::try_from(span.duration().as_millis()).unwrap_or(u64::MAX)
}
