//! The host's side of the jail.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::journal::Recorded;
use serde_json::Value;
use tokio::time::timeout;

use crate::Error;
use crate::jail::attempt::Attempt;
use crate::jail::control::Control;
use crate::jail::keeper::{Current, Keeper};
use crate::jail::line::Line;
use crate::jail::spares::{self, Spares};
use crate::jail::watchdog::Watchdog;
use crate::limits::Limits;
use crate::report::{Fault, FromScript, ScriptFailure};
use crate::wire::{self, Purpose};

/// How long a warm process may take to come up, on a machine that does much else.
const UP_WITHIN: Duration = Duration::from_secs(10);
/// So often is a warm process asked that dies or does not answer.
const TRIES_MAX: u32 = 5;

/// What an attempt starts from.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The source.
    pub script: String,
    /// The name of the file, as errors show it.
    pub name: String,
    /// The input of the run.
    pub input: Value,
    /// The logical time at the script's first line.
    pub at: Timestamp,
    /// What chance and ids are drawn from.
    pub seed: [u8; 32],
    /// The recorded calls, in order.
    pub replay: Vec<Recorded>,
    /// The tools that the script may call, as `service.verb`.
    pub tools: Vec<String>,
    /// How many lines of the log are recorded; they are not sent again.
    pub logged: u32,
}

/// Runs scripts, each in a process of its own. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Jail {
    shared: Arc<Shared>,
}

/// What the attempts of a jail share.
#[derive(Debug)]
pub(crate) struct Shared {
    // Dropped first: it ends the warm process, and that one every attempt.
    keeper: Keeper,
    current: Current,
    spares: Spares,
    watchdog: Arc<Watchdog>,
}

impl Jail {
    /// Starts the warm process, which is `program` with the argument [`crate::ZYGOTE_ARGUMENT`].
    ///
    /// Needs no async runtime, and should come before any secret is in memory.
    pub fn start(program: &Path) -> Result<Self, Error> {
        let spawn = |source| Error::Spawn { source };
        let watchdog = Arc::new(Watchdog::start().map_err(spawn)?);
        let (keeper, current) = Keeper::start(program).map_err(spawn)?;
        let spares = Spares::default();
        let shared = Arc::new(Shared { keeper, current, spares, watchdog });
        shared.fill_up();
        Ok(Self { shared })
    }

    /// Starts an attempt.
    pub async fn attempt(&self, start: Start, limits: Limits) -> Result<Attempt, Error> {
        self.open(start, Purpose::Run, limits).await
    }

    /// Says whether a script parses, runs its top, and has an entry.
    pub async fn check(&self, script: &str, name: &str) -> Result<(), Error> {
        let start = Start { script: script.to_owned(), name: name.to_owned(), ..Start::default() };
        let mut attempt = self.open(start, Purpose::Check, Limits::default()).await?;
        loop {
            match attempt.next().await {
                FromScript::Log { .. } => {}
                FromScript::Finished { .. } => return Ok(()),
                FromScript::Failed(failure) => return Err(Error::Script(Box::new(failure))),
                FromScript::Limit(broken) => {
                    return Err(Error::Script(Box::new(ScriptFailure::plain(Fault::Exception, broken.message))));
                }
                FromScript::Call { .. }
                | FromScript::Idle { .. }
                | FromScript::Differs(_)
                | FromScript::Killed
                | FromScript::Crashed { .. } => return Err(Error::Unavailable),
            }
        }
    }

    /// The number of the warm process, if there is one now.
    pub fn zygote_pid(&self) -> Option<u32> {
        self.shared.current.borrow().as_ref().map(|control| control.pid())
    }

    /// How often a warm process was started: once, and once more whenever it died.
    pub fn starts(&self) -> u64 {
        self.shared.keeper.starts()
    }

    async fn open(&self, start: Start, purpose: Purpose, limits: Limits) -> Result<Attempt, Error> {
        let opening = wire::frames(start, purpose, &limits)?;
        Attempt::start(&self.shared, opening, limits).await
    }
}

impl Shared {
    /// A process without a script: one that waits for it, or a fresh one.
    pub(crate) async fn process(&self) -> Result<Arc<Line>, Error> {
        let mut current = self.current.clone();
        for _ in 0..TRIES_MAX {
            let control = Self::control(&mut current).await?;
            if let Some(spare) = self.spares.take(&control) {
                return Ok(spare);
            }
            match ask(&control).await {
                Ok(line) => return Ok(line),
                Err(error) => {
                    tracing::debug!(%error, "the sandbox's warm process does not answer");
                    // The keeper notices the same, and publishes the next one.
                    drop(timeout(UP_WITHIN, current.changed()).await);
                }
            }
        }
        Err(Error::Unavailable)
    }

    /// Has processes made for the next attempts. Called when a script is on its way, so that it need not wait for that.
    pub(crate) fn fill_up(&self) {
        if let Some(control) = self.current.borrow().as_ref() {
            self.spares.fill(control);
        }
    }

    pub(crate) fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    async fn control(current: &mut Current) -> Result<Arc<Control>, Error> {
        let up = timeout(UP_WITHIN, current.wait_for(Option::is_some)).await;
        match up {
            Ok(Ok(control)) => control.clone().ok_or(Error::Unavailable),
            Ok(Err(_)) | Err(_) => Err(Error::Unavailable),
        }
    }
}

/// Asks for a fork. A warm process that has too much to do is asked again a little later.
async fn ask(control: &Arc<Control>) -> io::Result<Arc<Line>> {
    /// So often, with a pause of a millisecond each.
    const ASKS_MAX: u32 = 2000;
    const PAUSE: Duration = Duration::from_millis(1);
    for _ in 0..ASKS_MAX {
        match spares::process(control) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                drop(timeout(PAUSE, std::future::pending::<()>()).await);
            }
            asked => return asked,
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
