//! Keeps the parts of the server alive: what dies is started again, with a backoff, and not for ever.
//!
//! Two kinds of parts are watched. An **actor** ([`supervise`]) keeps its address and the messages that wait in its
//! mailbox; only the message in hand is lost, and its sender is told. After a death `restarting()` is called on the
//! same value, which then reloads what it knows from the store. A **task** ([`supervise_task`]) is a loop over the
//! store's hints; after a death it is made anew.
//!
//! A part that dies too often within a while is given up: its health says so, and a person is asked through an
//! [`Escalation`]. Actix' own supervisor is not used: it does not survive a panic, and it restarts without a pause.
//!
//! This module does not know what the parts do.

mod actor;
mod concern;
mod deaths;
mod escalation;
mod record;
mod rhythm;
#[cfg(test)]
pub(crate) mod simulated;
mod task;
#[cfg(test)]
mod tests;

pub use actor::supervise;
pub(crate) use concern::Concerns;
pub use escalation::{Escalation, NeedsOfParts};
pub(crate) use rhythm::{Rhythm, passes_by_itself};
pub use task::{Ending, supervise_task};
