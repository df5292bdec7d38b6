//! Carries runs out: one task for each attempt, between the jail, the gate, the tools and the store.
//!
//! An attempt starts the script from its first line, gives it its journal back, and performs what comes after. What is
//! to be done is decided in `intents`; this module makes it happen, in the order that makes a crash at any place
//! harmless: decide, store, then act. It knows nothing of HTTP and nothing of triggers.

mod actor;
pub(crate) mod adapter;
pub(crate) mod answers;
mod attempt;
mod breakers;
pub(crate) mod call;
mod context;
pub(crate) mod grants;
pub(crate) mod host;
mod in_flight;
pub mod outside;
mod progress;
mod services;
pub(crate) mod tools;
mod witness;
mod wording;

pub use actor::{Admit, AdmitOutside, Admitted, Control, Executor, Snapshot, Standing};
pub(crate) use attempt::within;
pub use attempt::{Ending, carry_out};
pub use context::Trouble;
pub use in_flight::InFlight;
pub use services::Services;
