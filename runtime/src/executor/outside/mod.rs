//! The two ends of a run that an engine outside executes.
//!
//! A [`Lease`] is the holder's end: what requests from outside may do with the run. A [`Holder`] is the attempt's end:
//! it stands where a script would stand, so that gate, ledger, waits and journal are the same for both. Between them
//! is memory only. A lease that is over lets nothing through any more, and with the server all leases are over.

mod holder;
mod lease;
mod opening;
mod refusal;
#[cfg(test)]
mod tests;

pub(super) use holder::Asked;
pub(crate) use holder::Holder;
pub(super) use lease::digest_of_call;
pub use lease::{End, LEASE, Lease, NewCall, NewStep, State as CallState, Waiting};
pub use opening::{KnownCall, Opening};
pub use refusal::{Over, Refusal};
