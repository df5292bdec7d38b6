//! One life of a run's sandbox, as the host sees it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::outcome::Outcome;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::Error;
use crate::jail::control::Control;
use crate::jail::line::{Line, Pulled};
use crate::jail::watchdog::Watchdog;
use crate::limits::Limits;
use crate::report::FromScript;
use crate::wire::{self, ToScript};

/// How long a fork may take to say who it is, on a machine that does much else.
const GREETED_WITHIN: Duration = Duration::from_secs(10);

/// A running script. Dropping it kills the script's process.
#[derive(Debug)]
pub struct Attempt {
    line: AsyncFd<Arc<Line>>,
    watchdog: Arc<Watchdog>,
    limits: Limits,
    /// What is still to be sent. Kept here, so that a send that is given up half-way goes on later.
    outgoing: Vec<u8>,
    sent: usize,
}

impl Attempt {
    pub(crate) fn new(
        socket: UnixStream,
        control: &Arc<Control>,
        limits: Limits,
        watchdog: Arc<Watchdog>,
    ) -> Result<Self, Error> {
        let io = |source| Error::Io { source };
        socket.set_nonblocking(true).map_err(io)?;
        let line = listen(Arc::new(Line::new(socket, Arc::downgrade(control), limits.turn))).map_err(io)?;
        Ok(Self { line, watchdog, limits, outgoing: Vec::new(), sent: 0 })
    }

    /// Sends what opens the attempt. Says whether there is a process; if not, no script ran.
    pub(crate) async fn open(&mut self, opening: &[u8]) -> Result<bool, Error> {
        self.outgoing.extend_from_slice(opening);
        let opened = timeout(GREETED_WITHIN, async {
            while !self.line.get_ref().is_greeted() {
                if self.line.get_ref().is_closed() {
                    return Ok(false);
                }
                self.step().await?;
            }
            Ok(true)
        });
        let opened = opened.await.unwrap_or(Ok(false)).map_err(|source| Error::Io { source })?;
        self.watch();
        Ok(opened)
    }

    /// Waits for the next thing that the script does. After the last one, gives the last one again.
    pub async fn next(&mut self) -> FromScript {
        loop {
            if let Some(next) = self.line.get_ref().next() {
                return next;
            }
            if let Err(error) = self.step().await {
                self.line.get_ref().kill();
                return FromScript::Crashed { message: format!("the sandbox's process could not be reached: {error}") };
            }
        }
    }

    /// Gives the script the outcome of a call.
    pub async fn answer(&mut self, call: u32, outcome: &Outcome, at: Timestamp) -> Result<(), Error> {
        let outcome = wire::outcome(outcome, self.limits.outcome_bytes)?;
        let frame = wire::encode(&ToScript::Answer { call, outcome, at: at.as_millis() });
        if !self.line.get_ref().answer(call) {
            return Err(Error::NotInFlight { call });
        }
        self.watch();
        self.outgoing.extend_from_slice(&frame);
        while !self.outgoing.is_empty() && !self.line.get_ref().is_closed() {
            self.step().await.map_err(|source| Error::Io { source })?;
        }
        Ok(())
    }

    /// Kills the script's process.
    pub fn kill(&mut self) {
        self.line.get_ref().kill();
    }

    /// The number of the script's process.
    pub fn pid(&self) -> Option<u32> {
        self.line.get_ref().pid()
    }

    /// Sends and receives what there is to send and to receive, or waits until one of these is possible.
    async fn step(&mut self) -> io::Result<()> {
        if self.send()? || self.line.get_ref().pull()? != Pulled::Nothing {
            return Ok(());
        }
        let interest =
            if self.outgoing.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        let mut guard = self.line.ready(interest).await?;
        let ready = guard.ready();
        if ready.is_readable() && self.line.get_ref().pull()? == Pulled::Nothing {
            guard.clear_ready_matching(tokio::io::Ready::READABLE);
        }
        if ready.is_writable() && !self.outgoing.is_empty() {
            let rest = &self.outgoing[self.sent..];
            match self.line.get_ref().send(rest) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    guard.clear_ready_matching(tokio::io::Ready::WRITABLE);
                }
                // What it has said before it went is still to be read.
                Err(error) if is_gone(&error) => self.sent = self.outgoing.len(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what there is room for. Says whether something was sent.
    fn send(&mut self) -> io::Result<bool> {
        let before = self.sent;
        while self.sent < self.outgoing.len() {
            match self.line.get_ref().send(&self.outgoing[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(self.sent > before),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_gone(&error) => self.sent = self.outgoing.len(),
                Err(error) => return Err(error),
            }
        }
        let done = !self.outgoing.is_empty();
        self.outgoing.clear();
        self.sent = 0;
        Ok(done)
    }

    fn watch(&self) {
        if let Some(at) = self.line.get_ref().watch() {
            self.watchdog.watch(self.line.get_ref(), at);
        }
    }
}

#[expect(unsafe_code, reason = "tokio cannot see that the descriptor stays")]
fn listen(line: Arc<Line>) -> io::Result<AsyncFd<Arc<Line>>> {
    // SAFETY: a line owns its socket from its beginning to its end, and never replaces it.
    Ok(unsafe { AsyncFd::register(line) }?)
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.line.get_ref().kill() {
            self.watchdog.bury(Arc::clone(self.line.get_ref()));
        }
    }
}
