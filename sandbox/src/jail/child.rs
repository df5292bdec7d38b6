//! What a fork does before it hears of its script: it locks itself in.

#![expect(unsafe_code, reason = "system calls")]

use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::engine::outbox;
use crate::jail::{death, signals, socket};
use crate::limits::{HEAP_BYTES_MAX, STACK_BYTES_MAX};

/// The one descriptor of the process.
pub(crate) const SOCKET: RawFd = 3;
/// Beside the script's heap: helpers read texts into memory of their own, and frames are copied.
const NATIVE_BYTES_MAX: u64 = 256 << 20;
/// Deadlines end a script long before; this ends it when nobody is left to do so.
const CPU_SECONDS_MAX: u64 = 120;
/// What the handlers of signals and our own frames take, beside the script's stack.
const STACK_SPARE_BYTES: u64 = 128 << 10;

/// What forks need to know about the process that they come from.
pub(crate) struct Origin {
    pid: i32,
    /// The address at which the main thread's stack starts.
    stack: usize,
    /// How much address space is in use.
    space_bytes: u64,
    #[cfg(target_os = "linux")]
    filter: crate::jail::seccomp::Filter,
}

impl Origin {
    /// Looks at this process. Called once, when everything is warm.
    pub(crate) fn look() -> io::Result<Self> {
        Ok(Self {
            // SAFETY: reads a property of this process.
            pid: unsafe { libc::getpid() },
            stack: stack_start(),
            space_bytes: space_bytes(),
            #[cfg(target_os = "linux")]
            filter: crate::jail::seccomp::Filter::new()?,
        })
    }

    /// Takes from this process what it does not need for forks. Called when it has opened its last file.
    pub(crate) fn limit_to_forking(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        crate::jail::seccomp::limit_to_forking()?;
        Ok(())
    }

    /// Locks the fork in. From here on it has its socket, its memory and its processor, and nothing else.
    pub(crate) fn enter(&self, socket: OwnedFd) -> io::Result<()> {
        death::end_with_parent();
        death::check_parent(self.pid);
        keep_only(socket.into_raw_fd())?;
        greet()?;
        self.limit()?;
        #[cfg(target_os = "linux")]
        self.filter.apply()?;
        Ok(())
    }

    fn limit(&self) -> io::Result<()> {
        let here = 0_u8;
        let used = self.stack.saturating_sub(&raw const here as usize) as u64;
        let stack = used + STACK_BYTES_MAX + STACK_SPARE_BYTES;
        signals::stack_is(self.stack.saturating_sub(stack as usize), self.stack);
        set_limit(libc::RLIMIT_CORE, 0)?;
        set_limit(libc::RLIMIT_FSIZE, 0)?;
        // One second between the signal that the process may still answer and the one that it may not.
        set_limits(libc::RLIMIT_CPU, CPU_SECONDS_MAX, CPU_SECONDS_MAX + 1)?;
        if cfg!(target_os = "linux") {
            set_limit(libc::RLIMIT_STACK, stack)?;
            set_limit(libc::RLIMIT_AS, self.space_bytes + HEAP_BYTES_MAX + NATIVE_BYTES_MAX + stack)?;
            set_limit(libc::RLIMIT_NPROC, 0)?;
        }
        set_limit(libc::RLIMIT_NOFILE, 0)
    }
}

/// Moves the socket to its place and closes every other descriptor, standard ones included.
fn keep_only(socket: RawFd) -> io::Result<()> {
    // SAFETY: descriptors are moved and closed; what is closed is not used again in this process.
    unsafe {
        if socket != SOCKET && libc::dup2(socket, SOCKET) < 0 {
            return Err(io::Error::last_os_error());
        }
        for standard in 0..SOCKET {
            libc::close(standard);
        }
    }
    close_from(SOCKET + 1);
    Ok(())
}

/// Closes every descriptor from this one on.
pub(crate) fn close_from(first: RawFd) {
    /// The warm process has opened a handful.
    const DESCRIPTORS_MAX: RawFd = 1024;
    if !close_range(first) {
        for descriptor in first..DESCRIPTORS_MAX {
            // SAFETY: the caller uses none of them.
            unsafe {
                libc::close(descriptor);
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn close_range(first: RawFd) -> bool {
    // SAFETY: the caller uses none of them.
    unsafe { libc::syscall(libc::SYS_close_range, first as libc::c_uint, libc::c_uint::MAX, 0) == 0 }
}

/// Elsewhere there is no such call.
#[cfg(not(target_os = "linux"))]
fn close_range(_: RawFd) -> bool {
    false
}

/// Tells the host who this is. With it goes a handle by which the host can kill exactly this process.
fn greet() -> io::Result<()> {
    // SAFETY: reads a property of this process.
    let pid = unsafe { libc::getpid() };
    let handle = handle_of(pid)?;
    let greeting = pid.cast_unsigned().to_le_bytes();
    socket::send(SOCKET, &greeting, handle.as_ref().map(AsRawFd::as_raw_fd))?;
    Ok(())
}

#[cfg(target_os = "linux")]
fn handle_of(pid: i32) -> io::Result<Option<OwnedFd>> {
    use std::os::fd::FromRawFd;
    // SAFETY: the system gives a descriptor that is ours.
    unsafe {
        let handle = libc::syscall(libc::SYS_pidfd_open, pid, 0);
        if handle < 0 { Err(io::Error::last_os_error()) } else { Ok(Some(OwnedFd::from_raw_fd(handle as RawFd))) }
    }
}

#[cfg(not(target_os = "linux"))]
fn handle_of(_: i32) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

#[cfg(target_os = "linux")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_os = "linux"))]
type Resource = libc::c_int;

fn set_limit(resource: Resource, limit: u64) -> io::Result<()> {
    set_limits(resource, limit, limit)
}

fn set_limits(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft as libc::rlim_t, rlim_max: hard as libc::rlim_t };
    // SAFETY: the limit is valid for reading.
    if unsafe { libc::setrlimit(resource, &raw const limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// The start of the main thread's stack, from which the system counts its size.
fn stack_start() -> usize {
    /// The 28th field, counted from behind the name, which is the second one and ends in the last bracket.
    const FIELD: usize = 28 - 3;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let here = 0_u8;
    fields.split_whitespace().nth(FIELD).and_then(|field| field.parse().ok()).unwrap_or(&raw const here as usize)
}

/// How much address space this process uses.
fn space_bytes() -> u64 {
    /// The size of a page where the system does not say otherwise; a larger one only makes the limit looser.
    const PAGE_BYTES_MAX: u64 = 64 << 10;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    // SAFETY: reads a property of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages * u64::try_from(page).unwrap_or(PAGE_BYTES_MAX)
}

/// Ends a fork that could not lock itself in: without the lock there is no script.
pub(crate) fn give_up() -> ! {
    outbox::exit(1)
}
