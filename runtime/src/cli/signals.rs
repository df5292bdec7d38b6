//! The signals that a server obeys.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Exit;
use crate::error::{Code, Error};

/// What a signal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// End.
    End,
    /// Open the log anew, and read again what may change.
    Reload,
}

/// The signals that a server obeys.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Watches them from now on.
    pub(super) fn watch() -> Result<Self, Error> {
        let failed = |error: io::Error| Error::new(Code::ServerFailed, format!("signals cannot be watched: {error}"));
        let of = |kind| signal(kind).map_err(failed);
        Ok(Self {
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    /// From now on the next signal to end ends the process, whatever is under way: what was acknowledged is on the
    /// disk, and the next start settles the rest.
    pub(super) fn end_at_once_when_told_again(mut self) {
        tokio::spawn(async move {
            while self.next().await == Told::Reload {}
            tracing::warn!("the server was told to end once more, and ends at once");
            process::exit(Exit::Failure.number().into());
        });
    }
}
