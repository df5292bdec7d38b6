//! The one way out: every connection of every tool goes through here.
//!
//! Promises: only http and https, no address with a user name in it, no private, local or reserved address
//! (checked at connect time, after the name was resolved, for each hop of a redirect anew), no proxy from the
//! environment, a bound on the rate per host, on sizes and on time, and certificates checked as the operating
//! system does. It says of each failure whether a byte may have left. Whether a host may be called at all is the
//! gate's decision, made before a call gets here.

mod address;
mod classify;
mod gateway;
mod hop;
mod open;
mod presented;
mod reach;
mod request;
mod resolve;
mod stream;

pub use address::is_public;
pub use gateway::Egress;
pub use presented::{Doubt, Presented};
pub use reach::{Cidr, EgressSettings, HostPort, Malformed, Reach, TraceReach};
pub use request::{Answer, Body, Manner, Outgoing, SendFault};
pub use resolve::{Lookup, SystemLookup};
pub use stream::{Stream, TlsStart};
