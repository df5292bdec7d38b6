//! The one guard in front of every route.
//!
//! The order is that of trust: a request for another host is answered by nothing of ours; a page of another origin
//! may ask nothing; then who asks is known by a token or a session; then what is asked has a form. An address is
//! never a proof of identity.

mod check;
mod headers;
mod host;
mod session;

pub(super) use check::guard;
pub(super) use headers::put as put_headers;
pub(super) use host::Hosts;
pub(super) use session::{Caller, cookie};
