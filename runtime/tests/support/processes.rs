//! Which processes are there.

use std::path::Path;

/// The processes that run a program, by their numbers. What has ended and only waits to be collected does not run.
#[cfg(target_os = "linux")]
pub(crate) fn running(program: &Path) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("/proc can be listed");
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // The link of a process that has ended leads nowhere.
    numbers.filter(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)).collect()
}

/// The processes that run a program, by their numbers.
#[cfg(not(target_os = "linux"))]
pub(crate) fn running(program: &Path) -> Vec<i32> {
    let found = std::process::Command::new("pgrep").arg("-f").arg(program).output().expect("pgrep runs");
    String::from_utf8_lossy(&found.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// Ends a process at once, as a crash would.
#[expect(unsafe_code, reason = "a signal is sent by a call of the system")]
pub(crate) fn signal(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("the number of a process is small");
    // SAFETY: the call takes two numbers and touches no memory of ours.
    unsafe { libc::kill(pid, signal) };
}

/// The memory that a process holds, in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the process has memory");
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number of KiB");
    kib * 1024
}
