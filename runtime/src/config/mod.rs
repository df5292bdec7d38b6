//! How the server is configured: one TOML file, overridden by the environment, overridden by flags.
//!
//! `steward.toml` lies in the data folder. Each key is also `STEWARD_SECTION__KEY` in the environment. A key that
//! nobody knows is an error that names the nearest known one: a typing mistake never passes for a default.

mod home;
mod keys;
mod layers;
mod sections;

pub use home::data_folder;
pub(crate) use keys::nearest;
pub use keys::{KEYS, Key, Kind};
pub use layers::Override;
pub use sections::{Config, Limits, Log, LogFormat, Server};

#[cfg(test)]
mod tests;
