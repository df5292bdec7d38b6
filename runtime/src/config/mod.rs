//! How the server is configured: one TOML file, overridden by the environment, overridden by flags.
//!
//! `steward.toml` lies in the data folder, or where `STEWARD_CONFIG` says. Each key is also `STEWARD_SECTION__KEY` in
//! the environment and `--set section.key=value` on the command line; a secret can lie in a file of its own. A key
//! that nobody knows is an error that names the nearest known one: a typing mistake never passes for a default.
//! Problems are told all at once, each with its place.

mod check;
mod examine;
mod example;
mod header;
mod home;
mod keys;
mod layers;
mod problem;
mod secret_file;
mod sections;

use connectors::email::Mail;

pub use examine::{Examined, Flags, Setting, examine, variables};
pub use example::{example, table};
pub use header::header;
pub use home::data_folder;
pub(crate) use keys::nearest;
pub use keys::{KEYS, Key, Kind, Unsaid};
pub use layers::Override;
pub use problem::{Problem, Source};
pub use sections::{Config, Limits, Log, LogFormat, Metrics, Otlp, Server, StorePlace, Telemetry};

use home::{CONFIG, HOME};

/// Where mail goes without a server.
const OUTBOX: &str = "outbox";
/// A passphrase and its file come from the environment alone: a configuration file is not private.
const PASSPHRASE: &str = "STEWARD_PASSPHRASE";
const PASSPHRASE_FILE: &str = "STEWARD_PASSPHRASE_FILE";

#[cfg(test)]
mod tests;
