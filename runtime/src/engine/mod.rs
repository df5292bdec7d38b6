//! Engines outside: programs of any language that execute the script's part of a run over HTTP.
//!
//! Contract, gate, ledger, journal and needs stay here. What an engine does between two calls, nobody but the engine
//! knows; so its runs cannot be replayed, and nothing that it says has an effect once its lease is over.

mod desk;
mod leases;
mod name;
mod token;

pub use desk::{Claim, Claimed, Engines, Wanted};
pub use name::EngineName;
