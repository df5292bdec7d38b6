//! How the host kills exactly the process it means.

#![expect(unsafe_code, reason = "a system call")]

use std::os::fd::OwnedFd;
use std::sync::Weak;

use crate::jail::control::Control;

/// The handle of one process.
#[derive(Debug)]
pub(crate) struct Killer {
    #[cfg(target_os = "linux")]
    handle: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    control: Weak<Control>,
    pid: u32,
}

#[cfg(target_os = "linux")]
impl Killer {
    /// Takes the handle that the process sent of itself.
    pub(crate) fn new(pid: u32, handle: Option<OwnedFd>, _: &Weak<Control>) -> Option<Self> {
        handle.map(|handle| Self { handle, pid })
    }

    /// Kills it. A process that has ended already stays ended.
    pub(crate) fn kill(&self) {
        use std::os::fd::AsRawFd;
        // SAFETY: the handle names one process for ever, whatever becomes of its number.
        unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.handle.as_raw_fd(), libc::SIGKILL, 0, 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Killer {
    /// Elsewhere the warm process kills, since it alone reaps.
    pub(crate) fn new(pid: u32, _: Option<OwnedFd>, control: &Weak<Control>) -> Option<Self> {
        Some(Self { control: Weak::clone(control), pid })
    }

    /// Kills it.
    pub(crate) fn kill(&self) {
        // A warm process that does not answer is on its way down, and takes its forks with it.
        if let Some(control) = self.control.upgrade() {
            drop(control.kill(self.pid));
        }
    }
}

impl Killer {
    /// The number of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }
}
