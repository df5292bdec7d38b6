//! Steward's runtime: the store, the actors, the HTTP API and the command line.

pub mod api;
pub mod app;
pub mod backup;
pub mod bench;
pub mod cli;
pub mod config;
pub mod demo;
mod descriptors;
pub mod engine;
pub mod env;
pub mod error;
pub mod executor;
pub mod health;
pub mod hub;
pub mod janitor;
pub mod models;
pub mod ops;
mod retry;
pub mod router;
pub mod scheduler;
mod sealed;
pub mod server;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod trial;
pub mod watch;
