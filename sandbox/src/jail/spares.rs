//! Processes that were forked ahead of need: locked in, and waiting for a script.
//!
//! Forking a process and locking it in takes longer than what most scripts do until their first call, so it is done
//! while nobody waits. A spare is given to one attempt and leaves the store for good; what it was forked from is as
//! warm as it is for a fork on demand, and the opening reseeds it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::jail::control::Control;
use crate::jail::line::{Line, Pulled};
use crate::limits::SPARES_MAX;

/// The processes that wait, each with the warm process that it comes from.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<VecDeque<(Weak<Control>, Arc<Line>)>>);

impl Spares {
    /// Takes a process that came from this warm one and is alive. Whoever gets it is the only one who does.
    pub(crate) fn take(&self, control: &Arc<Control>) -> Option<Arc<Line>> {
        loop {
            let (origin, line) = self.waiting().pop_front()?;
            if is_sound(&origin, &line, control) {
                return Some(line);
            }
        }
    }

    /// Asks for as many as are missing, in the place of those that have died too. A warm process that has too much to do is not pressed: whoever needs a process
    /// asks for it.
    pub(crate) fn fill(&self, control: &Arc<Control>) {
        let mut waiting = self.waiting();
        waiting.retain(|(origin, line)| is_sound(origin, line, control));
        while waiting.len() < SPARES_MAX {
            match process(control) {
                Ok(line) => waiting.push_back((Arc::downgrade(control), line)),
                Err(error) => {
                    tracing::debug!(%error, "no process could be forked ahead of need");
                    return;
                }
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<(Weak<Control>, Arc<Line>)>> {
        // A panic under this lock leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a process that waits came from this warm one and is alive, as far as its socket tells.
fn is_sound(origin: &Weak<Control>, line: &Line, control: &Arc<Control>) -> bool {
    origin.as_ptr() == Arc::as_ptr(control) && line.pull().is_ok_and(|pulled| pulled != Pulled::Closed)
}

/// Asks for a process. It may be on its way still: what is sent to it waits.
pub(crate) fn process(control: &Arc<Control>) -> io::Result<Arc<Line>> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    control.fork(theirs.as_raw_fd())?;
    Ok(Arc::new(Line::new(ours, Arc::downgrade(control))))
}
