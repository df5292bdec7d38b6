//! The warm process: one thread, an engine with its prelude run, and a fork for every attempt.

#![expect(unsafe_code, reason = "fork")]

use std::os::fd::OwnedFd;

use crate::engine::{self, Warm, outbox};
use crate::helpers;
use crate::jail::child::{self, Origin, SOCKET};
use crate::jail::control::{self, Request};
use crate::jail::memory::{self, Fresh};
use crate::jail::{death, signals};
use crate::report::FromScript;

/// The hidden argument by which a binary becomes the warm process.
pub const ZYGOTE_ARGUMENT: &str = "__zygote";

/// Serves forks until the host is gone. To be called before the program does anything else.
///
/// Expects what [`crate::Jail`] sets up: an empty environment, and the host's socket as descriptor 3.
pub fn zygote_main() -> ! {
    death::end_with_parent();
    child::close_from(SOCKET + 1);
    signals::ignore();
    signals::install();
    std::panic::set_hook(Box::new(|panic| {
        if outbox::is_open() {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            outbox::end(&FromScript::Crashed { message: format!("the sandbox broke down at {place}") });
        }
        outbox::exit(1)
    }));
    memory::prepare();
    helpers::warm();
    // It comes back only when there is nothing to serve with.
    drop(engine::warm_up(serve));
    outbox::exit(1)
}

fn serve(warm: &Warm<'_>) {
    let Ok(origin) = Origin::look() else { return };
    let fresh = memory::part(warm.ctx());
    if origin.limit_to_forking().is_err() {
        return;
    }
    let mut forks = Forks::default();
    loop {
        match control::request(SOCKET) {
            Ok(Request::Fork(socket)) => fork(warm, &origin, fresh, socket, &mut forks),
            #[cfg(not(target_os = "linux"))]
            Ok(Request::Kill(pid)) => forks.kill(pid),
            Ok(Request::Malformed) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(Request::End) | Err(_) => {
                forks.end();
                // What is warm need not be taken apart.
                outbox::exit(0)
            }
        }
        forks.reap();
    }
}

fn fork(warm: &Warm<'_>, origin: &Origin, fresh: Fresh, socket: OwnedFd, forks: &mut Forks) {
    // SAFETY: this process has one thread, so the fork finds every lock open.
    match unsafe { libc::fork() } {
        0 => match origin.enter(socket) {
            Ok(()) => {
                fresh.take();
                warm.attempt(SOCKET)
            }
            Err(_) => child::give_up(),
        },
        // Without a fork, the socket closes here, and the host sees it.
        failed if failed < 0 => {}
        pid => forks.add(pid),
    }
}

/// The forks that are alive. Linux ends and reaps them by itself.
#[derive(Default)]
struct Forks {
    #[cfg(not(target_os = "linux"))]
    alive: std::collections::BTreeSet<i32>,
}

#[cfg(target_os = "linux")]
impl Forks {
    fn add(&mut self, _: i32) {}

    fn reap(&mut self) {}

    fn end(&mut self) {}
}

#[cfg(not(target_os = "linux"))]
impl Forks {
    fn add(&mut self, pid: i32) {
        self.alive.insert(pid);
    }

    /// A process that is not reaped keeps its number, so the right one is hit.
    fn kill(&mut self, pid: i32) {
        if self.alive.contains(&pid) {
            // SAFETY: a child that is not reaped.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
            }
        }
    }

    fn reap(&mut self) {
        loop {
            // SAFETY: asks for any child that has ended, without waiting.
            let pid = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
            if pid <= 0 {
                return;
            }
            self.alive.remove(&pid);
        }
    }

    fn end(&mut self) {
        for pid in std::mem::take(&mut self.alive) {
            // SAFETY: as above.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
            }
        }
    }
}
