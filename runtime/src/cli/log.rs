//! Starts the log, on the error stream.

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::error::{Code, Error};

/// What a command logs that starts a server for itself: its own words say the rest.
pub(super) const QUIET: &str = "error";

/// Starts the log.
pub(super) fn start(log: &Log) -> Result<(), Error> {
    let invalid = |error: &dyn std::fmt::Display| {
        let message = format!("`log.level` is `{}`: {error}; write `info`, or `warn,runtime=debug`", log.level);
        Error::new(Code::ConfigValue, message)
    };
    let filter = EnvFilter::try_new(&log.level).map_err(|error| invalid(&error))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => subscriber.with_target(false).try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    started.map_err(|error| invalid(&error))
}
