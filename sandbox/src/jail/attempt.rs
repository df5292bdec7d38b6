//! One life of a run's sandbox, as the host sees it.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Weak};
use std::time::Duration;

use intents::Timestamp;
use intents::outcome::Outcome;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

use crate::Error;
use crate::jail::host::Shared;
use crate::jail::line::{Line, Pulled};
use crate::jail::watchdog::Watchdog;
use crate::limits::Limits;
use crate::report::FromScript;
use crate::wire::{self, ToScript};

/// How long a fork may take to say who it is, on a machine that does much else.
const GREETED_WITHIN: Duration = Duration::from_secs(10);
/// A warm process that dies takes the processes with it that no script has begun in; another one is asked for then.
const TRIES_MAX: u32 = 5;
/// An opening up to this size is kept until the script has been heard of, so that it can be sent to another process. A
/// longer one is more than fits into a socket, so a process that dies early dies while it is being sent.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A running script. Dropping it kills the script's process.
#[derive(Debug)]
pub struct Attempt {
    line: AsyncFd<Arc<Line>>,
    jail: Weak<Shared>,
    watchdog: Arc<Watchdog>,
    limits: Limits,
    /// What is still to be sent. Kept here, so that a send that is given up half-way goes on later. The opening stays
    /// until the script has been heard of.
    outgoing: Vec<u8>,
    sent: usize,
    /// Tells when there is room to send, while there is none.
    room: Option<AsyncFd<UnixStream>>,
    tries: u32,
}

impl Attempt {
    /// Starts a script in a process of its own.
    pub(crate) async fn start(jail: &Arc<Shared>, opening: Vec<u8>, limits: Limits) -> Result<Self, Error> {
        let line = listen(jail.process().await?, Interest::READABLE).map_err(io_error)?;
        let watchdog = Arc::clone(jail.watchdog());
        let jail = Arc::downgrade(jail);
        let mut attempt = Self { line, jail, watchdog, limits, outgoing: opening, sent: 0, room: None, tries: 1 };
        if attempt.open().await? || attempt.open_elsewhere().await? { Ok(attempt) } else { Err(Error::Unavailable) }
    }

    /// Waits for the next thing that the script does. After the last one, gives the last one again.
    pub async fn next(&mut self) -> FromScript {
        loop {
            if self.line.get_ref().never_began() && matches!(self.open_elsewhere().await, Ok(true)) {
                continue;
            }
            if let Some(next) = self.line.get_ref().next() {
                self.forget_sent();
                return next;
            }
            self.watch();
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
        while self.send().map_err(io_error)? && !self.line.get_ref().is_closed() {
            self.step().await.map_err(io_error)?;
        }
        self.forget_sent();
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

    /// Sends what opens the attempt. Says whether there is a process; if not, no script ran.
    async fn open(&mut self) -> Result<bool, Error> {
        self.line.get_ref().begin(self.limits.turn);
        self.send().map_err(io_error)?;
        if !self.line.get_ref().is_greeted() {
            let greeted = timeout(GREETED_WITHIN, async {
                while !self.line.get_ref().is_greeted() && !self.line.get_ref().is_closed() {
                    self.step().await?;
                }
                Ok(self.line.get_ref().is_greeted())
            });
            if !greeted.await.unwrap_or(Ok(false)).map_err(io_error)? {
                return Ok(false);
            }
        }
        self.watch();
        if let Some(jail) = self.jail.upgrade() {
            jail.fill_up();
        }
        Ok(true)
    }

    /// Takes another process for a script that has not begun, as often as it takes within reason. Says whether the
    /// script is on its way. Given up half-way, it goes on later.
    async fn open_elsewhere(&mut self) -> Result<bool, Error> {
        while self.tries < TRIES_MAX && !self.outgoing.is_empty() {
            self.tries += 1;
            let Some(jail) = self.jail.upgrade() else { return Ok(false) };
            let line = listen(jail.process().await?, Interest::READABLE).map_err(io_error)?;
            self.give_up();
            self.line = line;
            (self.sent, self.room) = (0, None);
            if self.open().await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends and receives what there is to send and to receive, or waits until one of these is possible.
    async fn step(&mut self) -> io::Result<()> {
        let unsent = self.send()?;
        if unsent && self.room.is_none() {
            self.room = Some(listen(self.line.get_ref().socket()?, Interest::WRITABLE)?);
        }
        let room = async {
            match self.room.as_ref().filter(|_| unsent) {
                Some(room) => room.writable().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            readable = self.line.readable() => {
                let mut readable = readable?;
                match self.line.get_ref().pull()? {
                    // The system tells of what comes from here on.
                    Pulled::All | Pulled::Nothing => readable.clear_ready(),
                    Pulled::Part | Pulled::Closed => {}
                }
            }
            () = self.line.get_ref().read_by_watchdog() => {}
            room = room => room?.clear_ready(),
        }
        Ok(())
    }

    /// Sends what there is room for. Says whether something is left.
    fn send(&mut self) -> io::Result<bool> {
        while self.sent < self.outgoing.len() {
            match self.line.get_ref().send(&self.outgoing[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What it has said before it went is still to be read.
                Err(error) if is_gone(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.room = None;
        if self.outgoing.len() > KEPT_BYTES_MAX {
            self.forget_sent();
        }
        Ok(false)
    }

    /// Drops what the process has got for certain.
    fn forget_sent(&mut self) {
        if self.sent == self.outgoing.len() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
    }

    fn watch(&self) {
        if let Some(at) = self.line.get_ref().watch() {
            self.watchdog.watch(self.line.get_ref(), at);
        }
    }

    fn give_up(&self) {
        if !self.line.get_ref().kill() {
            self.watchdog.bury(Arc::clone(self.line.get_ref()));
        }
    }
}

#[expect(unsafe_code, reason = "tokio cannot see that the descriptor stays")]
fn listen<T: AsRawFd>(socket: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: a line owns its socket from its beginning to its end, as the socket does its descriptor.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

fn io_error(source: io::Error) -> Error {
    Error::Io { source }
}

/// Whether the other side has ended.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.give_up();
    }
}
