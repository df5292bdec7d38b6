//! One thread that looks after every deadline, whatever the host's own tasks are doing.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::jail::line::{Line, Look};

/// A process whose host lost interest before it had said who it is: looked for this often,
const ORPHAN_EVERY: Duration = Duration::from_millis(5);
/// and this many times. It says it as its first act, so more than a second means that it never will.
const ORPHAN_LOOKS_MAX: u32 = 400;

/// Looks after deadlines until it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    watched: BTreeMap<(Instant, u64), Watched>,
    next: u64,
    closing: bool,
}

#[derive(Debug)]
enum Watched {
    /// A script that computes.
    Script(Weak<Line>),
    /// A process that must die and cannot be killed yet.
    Orphan(Arc<Line>, u32),
}

impl Watchdog {
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = Arc::clone(&shared);
        thread::Builder::new().name("steward-watchdog".to_owned()).spawn(move || thread.watch())?;
        Ok(Self { shared })
    }

    /// Looks after a script from `at` on.
    pub(crate) fn watch(&self, line: &Arc<Line>, at: Instant) {
        self.shared.add(at, Watched::Script(Arc::downgrade(line)));
    }

    /// Kills a process as soon as that is possible.
    pub(crate) fn bury(&self, line: Arc<Line>) {
        self.shared.add(now(), Watched::Orphan(line, 0));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.woken.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, at: Instant, watched: Watched) {
        let mut state = self.state();
        let is_first = state.watched.first_key_value().is_none_or(|((first, _), _)| at < *first);
        state.next += 1;
        let number = state.next;
        state.watched.insert((at, number), watched);
        if is_first {
            self.woken.notify_all();
        }
    }

    fn watch(&self) {
        let mut state = self.state();
        loop {
            let now = now();
            match state.watched.first_key_value() {
                Some(((at, _), _)) if *at <= now => {
                    let Some((_, watched)) = state.watched.pop_first() else { continue };
                    drop(state);
                    if let Some((at, watched)) = look(watched) {
                        self.add(at, watched);
                    }
                    state = self.state();
                }
                // What is left to bury is buried first.
                Some(((_, _), Watched::Script(_))) | None if state.closing => return,
                Some(((at, _), _)) => {
                    let wait = *at - now;
                    state = self.woken.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
                None => state = self.woken.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn look(watched: Watched) -> Option<(Instant, Watched)> {
    match watched {
        Watched::Script(line) => match line.upgrade()?.look() {
            Look::At(at) => Some((at, Watched::Script(line))),
            Look::Never => None,
        },
        Watched::Orphan(line, looks) => {
            // An error here is a socket that cannot be read, and so a process that cannot be reached.
            line.pull().ok()?;
            let again = !line.kill() && looks < ORPHAN_LOOKS_MAX;
            again.then(|| (now() + ORPHAN_EVERY, Watched::Orphan(line, looks + 1)))
        }
    }
}

/// Deadlines are about the machine's time, not the run's.
#[expect(clippy::disallowed_methods, reason = "a deadline outside of every run")]
fn now() -> Instant {
    Instant::now()
}
