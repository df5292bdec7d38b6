//! The line to one attempt: what has come from it, and whether the host owes it something.
//!
//! Both the host's task and the watchdog read it, so that a script is never killed for a silence that is only unread,
//! and never spared because nobody was reading.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::jail::attempt::is_gone;
use crate::jail::control::Control;
use crate::jail::kill::Killer;
use crate::jail::socket;
use crate::report::{FromScript, Which};
use crate::wire;

/// Read at once.
const READ_BYTES: usize = 64 << 10;
/// More than this is left in the socket until the host has taken what there is, which makes the script wait.
const QUEUED_BYTES_MAX: usize = 64 << 20;
/// A process says its number first.
const GREETING_BYTES: usize = 4;
/// A script whose words were unread at its deadline may have waited for their being read, so it gets this much more.
const GRACE: Duration = Duration::from_millis(50);

/// The line to one attempt.
#[derive(Debug)]
pub(crate) struct Line {
    socket: UnixStream,
    /// Not kept alive by attempts: a jail that is dropped ends them.
    control: Weak<Control>,
    state: Mutex<State>,
    /// Told when the watchdog has read: the system tells of bytes only while they are there, so whoever waits for the
    /// socket would not hear of those that somebody else took.
    read_by_watchdog: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    carried: Option<OwnedFd>,
    killer: Option<Killer>,
    frames: VecDeque<FromScript>,
    /// The bytes that became frames since there were none.
    queued: usize,
    last: Option<FromScript>,
    closed: bool,
    /// Whether the process has ended without having read everything that it was sent.
    unread: bool,
    /// Whether the script has said anything.
    heard: bool,
    /// How long the script may compute, once it was sent.
    turn: Option<Duration>,
    expired: bool,
    killed: bool,
    graced: bool,
    /// Since when the script computes; none while it waits for the host.
    computing: Option<Instant>,
    /// Whether the watchdog knows of it.
    watched: bool,
    in_flight: BTreeSet<u32>,
    /// Calls that have been answered, and so many answers have been sent.
    answered: u32,
}

/// What a look at the socket brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// Everything that there was.
    All,
    /// Something, and as much as the host can hold for now.
    Part,
    /// Nothing yet.
    Nothing,
    /// The end.
    Closed,
}

/// When the watchdog should look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    At(Instant),
    Never,
}

impl Line {
    pub(crate) fn new(socket: UnixStream, control: Weak<Control>) -> Self {
        Self { socket, control, state: Mutex::default(), read_by_watchdog: Notify::new() }
    }

    /// Notes that a script is being sent, which may compute for so long at a time.
    pub(crate) fn begin(&self, turn: Duration) {
        let mut state = self.state();
        state.turn = Some(turn);
        if state.killer.is_some() {
            state.computing = Some(now());
        }
    }

    /// Reads what there is.
    pub(crate) fn pull(&self) -> io::Result<Pulled> {
        self.pull_into(&mut self.state())
    }

    fn pull_into(&self, state: &mut State) -> io::Result<Pulled> {
        let mut pulled = Pulled::Nothing;
        while !state.closed && state.queued < QUEUED_BYTES_MAX {
            match socket::receive_into(self.socket.as_raw_fd(), &mut state.bytes, READ_BYTES) {
                Ok((0, _)) => {
                    state.closed = true;
                    return Ok(Pulled::Closed);
                }
                Ok((length, carried)) => {
                    // A message with a descriptor is received alone, whatever stands behind it.
                    let is_all = length < READ_BYTES && carried.is_none();
                    state.carried = state.carried.take().or(carried);
                    self.read(state);
                    if is_all {
                        return Ok(Pulled::All);
                    }
                    pulled = Pulled::All;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(pulled),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The process died with something of ours unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    state.closed = true;
                    state.unread = true;
                    return Ok(Pulled::Closed);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(if state.closed { Pulled::Closed } else { Pulled::Part })
    }

    /// Makes frames of the bytes that are there.
    fn read(&self, state: &mut State) {
        let mut taken = 0;
        if state.killer.is_none() {
            let Some((greeting, _)) = state.bytes.split_first_chunk::<GREETING_BYTES>() else { return };
            let pid = u32::from_le_bytes(*greeting);
            taken = GREETING_BYTES;
            state.killer = Killer::new(pid, state.carried.take(), &self.control);
            if state.killer.is_none() {
                return state.end("it did not say who it is");
            }
            if state.turn.is_some() {
                state.computing = Some(now());
            }
        }
        while state.last.is_none() {
            match wire::take::<FromScript>(&state.bytes[taken..]) {
                Ok(Some((frame, length))) => {
                    taken += length;
                    state.queued += length;
                    state.take_frame(frame);
                }
                Ok(None) => break,
                Err(error) => return state.end(&format!("it sent {error}")),
            }
        }
        state.bytes.drain(..taken);
    }

    /// The next thing to tell the host, if there is one.
    pub(crate) fn next(&self) -> Option<FromScript> {
        let mut state = self.state();
        if state.killed {
            return Some(FromScript::Killed);
        }
        if let Some(frame) = state.frames.pop_front() {
            return Some(frame);
        }
        state.queued = 0;
        if state.expired {
            return Some(FromScript::Limit(Which::WallTime.broken()));
        }
        if let Some(last) = &state.last {
            return Some(last.clone());
        }
        state.closed.then(|| FromScript::Crashed { message: "the sandbox's process ended without a word".to_owned() })
    }

    /// Notes that the host answers a call, and says whether the call waited for it.
    pub(crate) fn answer(&self, call: u32) -> bool {
        let mut state = self.state();
        if !state.in_flight.remove(&call) {
            return false;
        }
        state.answered += 1;
        state.frames.retain(|frame| !matches!(frame, FromScript::Idle { .. }));
        state.computing.get_or_insert_with(now);
        true
    }

    /// Says whether the watchdog should begin to look, and when; it does until it is told never to look again.
    pub(crate) fn watch(&self) -> Option<Instant> {
        let mut state = self.state();
        let since = state.computing.filter(|_| !state.watched && !state.is_over())?;
        let turn = state.turn?;
        state.watched = true;
        Some(since + turn)
    }

    /// Looks whether the script computes for too long, and kills it if so.
    pub(crate) fn look(&self) -> Look {
        let mut state = self.state();
        let pulled = self.pull_into(&mut state).unwrap_or(Pulled::Nothing);
        if pulled != Pulled::Nothing {
            self.read_by_watchdog.notify_one();
        }
        let now = now();
        match state.computing.zip(state.turn) {
            Some((since, turn)) if !state.is_over() => {
                if now < since + turn {
                    return Look::At(since + turn);
                }
                if matches!(pulled, Pulled::All | Pulled::Part) && !state.graced {
                    state.graced = true;
                    return Look::At(now + GRACE);
                }
                state.expired = true;
                // Calls that nobody has taken up were made by a script that is no more.
                state.frames.retain(|frame| matches!(frame, FromScript::Log { .. }));
                state.kill();
            }
            Some(_) | None => {}
        }
        state.watched = false;
        Look::Never
    }

    /// Waits until the watchdog has read something that the host did not hear of.
    pub(crate) async fn read_by_watchdog(&self) {
        self.read_by_watchdog.notified().await;
    }

    /// Whether the process has ended before it had read its script to the end, so that no script has run.
    pub(crate) fn never_began(&self) -> bool {
        let state = self.state();
        state.closed && state.unread && !state.heard && !state.killed && !state.expired
    }

    /// Whether the process has said who it is.
    pub(crate) fn is_greeted(&self) -> bool {
        self.state().killer.is_some()
    }

    /// Whether nothing more comes.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// The number of the process.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.state().killer.as_ref().map(Killer::pid)
    }

    /// Kills the process, whatever it does. Says whether it is known to be dead or dying.
    pub(crate) fn kill(&self) -> bool {
        let mut state = self.state();
        state.killed = true;
        state.kill();
        state.closed || state.killer.is_some()
    }

    /// Sends bytes, as many as there is room for.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        socket::send(self.socket.as_raw_fd(), bytes, None).inspect_err(|error| {
            if is_gone(error) {
                self.state().unread = true;
            }
        })
    }

    /// The socket once more, for whoever waits until there is room to send.
    pub(crate) fn socket(&self) -> io::Result<UnixStream> {
        self.socket.try_clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under this lock leaves nothing half done that matters.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRawFd for Line {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl State {
    fn take_frame(&mut self, frame: FromScript) {
        self.heard = true;
        match frame {
            FromScript::Idle { delivered } if delivered == self.answered => {
                self.computing = None;
                self.graced = false;
                self.frames.push_back(frame);
            }
            // Answers are on their way, and each gives the script a turn of its own.
            FromScript::Idle { .. } => self.computing = Some(now()),
            FromScript::Call { call, .. } => {
                self.in_flight.insert(call);
                self.frames.push_back(frame);
            }
            FromScript::Log { .. } => self.frames.push_back(frame),
            FromScript::Finished { .. }
            | FromScript::Failed(_)
            | FromScript::Limit(_)
            | FromScript::Differs(_)
            | FromScript::Killed
            | FromScript::Crashed { .. } => {
                self.computing = None;
                self.last = Some(frame);
            }
        }
    }

    /// Ends an attempt that makes no sense.
    fn end(&mut self, why: &str) {
        self.bytes.clear();
        self.computing = None;
        self.last = Some(FromScript::Crashed { message: format!("the sandbox's process makes no sense: {why}") });
        self.kill();
    }

    fn kill(&self) {
        if let Some(killer) = &self.killer {
            killer.kill();
        }
    }

    fn is_over(&self) -> bool {
        self.closed || self.killed || self.expired || self.last.is_some()
    }
}

/// Deadlines are about the machine's time, not the run's, and nothing that is recorded depends on them.
#[expect(clippy::disallowed_methods, reason = "a deadline outside of every run")]
fn now() -> Instant {
    Instant::now()
}
