//! What this process takes of the machine.

use super::exposition::Exposition;

/// What this process takes of the machine, as far as the system tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Process {
    /// Seconds of processors that it used.
    pub cpu_seconds: f64,
    /// Memory that is resident, in bytes.
    pub resident_bytes: Option<u64>,
    /// Open descriptors.
    pub open_fds: Option<u64>,
    /// How many there may be.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
}

impl Process {
    /// Looks now.
    pub fn read() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let descriptors = std::fs::read_dir("/proc/self/fd").or_else(|_| std::fs::read_dir("/dev/fd"));
        Self {
            cpu_seconds: cpu_seconds(),
            resident_bytes: field("VmRSS").map(|kib| kib * 1024),
            // The one that reads the list is in it.
            open_fds: descriptors.ok().map(|list| (list.count() as u64).saturating_sub(1)),
            max_fds: rustix::process::getrlimit(rustix::process::Resource::Nofile).current,
            threads: field("Threads"),
        }
    }

    /// Writes it under the names that Prometheus uses for every process.
    pub fn write(&self, exposition: &mut Exposition) {
        exposition
            .counter("process_cpu_seconds_total", "Seconds of processors that the server used.")
            .value(&[], self.cpu_seconds);
        let gauges = [
            ("process_resident_memory_bytes", "Memory of the server that is resident.", self.resident_bytes),
            ("process_open_fds", "Open descriptors.", self.open_fds),
            ("process_max_fds", "How many descriptors may be open.", self.max_fds),
            ("process_threads", "Threads of the server.", self.threads),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                exposition.gauge(name, help).value(&[], value);
            }
        }
    }
}

#[expect(unsafe_code, reason = "the system tells a process's use of processors through a call alone")]
fn cpu_seconds() -> f64 {
    // SAFETY: the structure is plain numbers, for which zeroes are valid, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        if libc::getrusage(libc::RUSAGE_SELF, &mut usage) != 0 {
            return 0.0;
        }
        usage
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds and microseconds are small")]
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let process = Process::read();
        assert!(process.cpu_seconds > 0.0);
        assert!(process.open_fds.is_some_and(|open| open > 0));
        if cfg!(target_os = "linux") {
            assert!(process.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
            assert!(process.threads.is_some_and(|threads| threads > 0));
        }
    }
}
