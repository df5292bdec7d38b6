//! Starting the log, and changing it while it runs.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing_subscriber::layer::{Layer as _, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::file::{LogFile, Rotation};
use super::layer::{LogLayer, Sink};
use super::line::Form;
use crate::config::{self, LogFormat};
use crate::env::Clock;
use crate::error::{Code, Error};

/// What a command logs that starts a server for itself: its own words say the rest.
pub(crate) const QUIET: &str = "error";

/// The running log. Clones share everything.
#[derive(Clone)]
pub struct Log {
    file: Option<Arc<LogFile>>,
    level: reload::Handle<EnvFilter, Registry>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Log {
    /// Starts the log of this process. Started twice, the first one stays.
    pub fn start(settings: &config::Log, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let (filter, level) = reload::Layer::new(filter(&settings.level)?);
        let file = settings.file.as_deref().map(|path| LogFile::open(path, Rotation::of(settings), Arc::clone(&clock)));
        let file = file.transpose()?.map(Arc::new);
        let on_terminal = file.is_none() && io::stderr().is_terminal();
        let form = match settings.format {
            LogFormat::Text => Form::Text { colours: on_terminal },
            LogFormat::Auto if on_terminal => Form::Text { colours: true },
            LogFormat::Auto | LogFormat::Json => Form::Json,
        };
        let sink = file.as_ref().map_or(Sink::Errors, |file| Sink::File(Arc::clone(file)));
        let layer = LogLayer::new(form, sink, clock).with_filter(filter);
        // In a test many servers share one process, and the first one's log is that of all.
        drop(tracing_subscriber::registry().with(layer).try_init());
        Ok(Self { file, level })
    }

    /// Opens the file anew: somebody may have moved it away.
    pub fn reopen(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), |file| file.reopen())
    }

    /// Changes what is logged.
    pub fn set_level(&self, level: &str) -> Result<(), Error> {
        let gone = |error: reload::Error| Error::new(Code::ServerFailed, format!("the log cannot be changed: {error}"));
        self.level.reload(filter(level)?).map_err(gone)
    }

    /// Lines that could not be written.
    pub fn lines_lost(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.lines_lost())
    }
}

/// Whoever speaks to endpoints of models for us logs what they answer, which may be anything; we say what is to be said.
const SILENT: &str = "async_openai=off";

fn filter(level: &str) -> Result<EnvFilter, Error> {
    let filter = EnvFilter::try_new(level).map_err(|error| {
        let message = format!("`log.level` is `{level}`: {error}; write `info`, or `warn,runtime=debug`");
        Error::new(Code::ConfigValue, message)
    })?;
    Ok(filter.add_directive(SILENT.parse().expect("the directive is a constant")))
}
