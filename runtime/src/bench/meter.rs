//! Time, memory and processor, as the operating system counts them.

#[cfg(target_os = "linux")]
use std::path::Path;
use std::time::{Duration, Instant};

/// A watch that was started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch(Instant);

impl Watch {
    #[expect(clippy::disallowed_methods, reason = "measuring is about real time")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn read(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The processor time that this process has used, without that of the scripts, which the system counts elsewhere.
#[expect(unsafe_code, reason = "the system tells this by a call of C")]
pub(super) fn processor_time() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills the structure that it is given, and zeroes are a valid one.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let length = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    length(usage.ru_utime) + length(usage.ru_stime)
}

/// The processor time that everything on this machine has used: the only count that has the scripts in it, since
/// Linux adds the time of a process that nobody waits for to nobody. It counts whatever else goes on, too.
#[cfg(target_os = "linux")]
pub(super) fn machine_time() -> Option<Duration> {
    /// What the kernel calls a tick here is a hundredth of a second for every program.
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let numbers: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq: all but the two in which nothing was done.
    let busy: u64 = [0, 1, 2, 5, 6].into_iter().filter_map(|place| numbers.get(place)).sum();
    Some(TICK * u32::try_from(busy).ok()?)
}

/// Not counted here.
#[cfg(not(target_os = "linux"))]
pub(super) fn machine_time() -> Option<Duration> {
    None
}

/// What the system calls the thread that asks.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the system tells this by a call of C")]
pub(super) fn thread_number() -> Option<u32> {
    // SAFETY: the call takes nothing and cannot fail.
    u32::try_from(unsafe { libc::gettid() }).ok()
}

/// Not told here.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_number() -> Option<u32> {
    None
}

/// The processor time that a thread of this process has used.
#[cfg(target_os = "linux")]
pub(super) fn thread_time(number: u32) -> Option<Duration> {
    scheduled(Path::new(&format!("/proc/self/task/{number}")))
}

/// Not counted here.
#[cfg(not(target_os = "linux"))]
pub(super) fn thread_time(_: u32) -> Option<Duration> {
    None
}

/// How long a thread was on a processor.
#[cfg(target_os = "linux")]
fn scheduled(thread: &Path) -> Option<Duration> {
    let text = std::fs::read_to_string(thread.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}

/// The processor time that a process has used, all its threads together.
#[cfg(target_os = "linux")]
pub(super) fn processor_time_of(pid: u32) -> Option<Duration> {
    let mut all = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        all += scheduled(&thread.path())?;
    }
    Some(all)
}

/// Not counted here.
#[cfg(not(target_os = "linux"))]
pub(super) fn processor_time_of(_: u32) -> Option<Duration> {
    None
}

/// The memory that a process holds, in MiB.
#[cfg(target_os = "linux")]
pub(super) fn resident_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Not counted here.
#[cfg(not(target_os = "linux"))]
pub(super) fn resident_mib(_: u32) -> Option<f64> {
    None
}
