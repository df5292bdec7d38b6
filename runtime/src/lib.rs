//! Steward's runtime: the store, the actors, the HTTP API and the command line.

pub mod env;
pub mod executor;
pub mod health;
pub mod router;
pub mod store;
