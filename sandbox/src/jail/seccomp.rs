//! What the process of an attempt may ask of the system: talk through its socket, manage its memory, end.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// What an attempt may do less than the warm process that it comes from.
///
/// The warm process limits itself to what it needs for a fork beside what is allowed to attempts. So the filter of an
/// attempt is a short one, which matters, since the system compiles it anew for every attempt.
pub(crate) struct Filter(BpfProgram);

/// Always allowed.
const ALLOWED: [i64; 18] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getpid,
    libc::SYS_gettid,
];
/// Allowed as long as no memory becomes executable.
const WITHOUT_EXEC: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];
/// The argument of these that says how memory may be used.
const PROTECTION: u8 = 2;
/// Refused without a kill: the C library tries them while it aborts, and its abort should reach our handler.
const REFUSED: [i64; 2] = [libc::SYS_tgkill, libc::SYS_rt_sigaction];

/// Forking, and locking the fork in: for the warm process, and for a fork until its own filter is applied.
const TO_FORK: [i64; 15] = [
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_prctl,
    libc::SYS_prlimit64,
    libc::SYS_getppid,
    DUPLICATE,
    libc::SYS_close,
    // Where assertions are on, the standard library looks at a descriptor before it closes it.
    libc::SYS_fcntl,
    libc::SYS_close_range,
    libc::SYS_pidfd_open,
    libc::SYS_seccomp,
];
#[cfg(target_arch = "x86_64")]
const DUPLICATE: i64 = libc::SYS_dup2;
#[cfg(not(target_arch = "x86_64"))]
const DUPLICATE: i64 = libc::SYS_dup3;

impl Filter {
    /// Makes the filter.
    pub(crate) fn new() -> io::Result<Self> {
        let refused = TO_FORK.into_iter().map(|call| (call, Vec::new())).collect();
        Ok(Self(program(refused, SeccompAction::Allow, SeccompAction::KillProcess)?))
    }

    /// Applies it to this process, for good.
    pub(crate) fn apply(&self) -> io::Result<()> {
        seccompiler::apply_filter(&self.0).map_err(io::Error::other)
    }
}

/// Limits this process, and so its forks, to what attempts may do and to what it takes to fork them.
pub(crate) fn limit_to_forking() -> io::Result<()> {
    let always = ALLOWED.into_iter().chain(REFUSED).chain(TO_FORK);
    let mut allowed: Rules = always.map(|call| (call, Vec::new())).collect();
    let no_exec = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
    for call in WITHOUT_EXEC {
        let condition =
            SeccompCondition::new(PROTECTION, SeccompCmpArgLen::Dword, no_exec.clone(), 0).map_err(io::Error::other)?;
        allowed.insert(call, vec![SeccompRule::new(vec![condition]).map_err(io::Error::other)?]);
    }
    let refused = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    for program in [
        program(refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))?,
        program(allowed, SeccompAction::KillProcess, SeccompAction::Allow)?,
    ] {
        seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    }
    Ok(())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn program(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> io::Result<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, otherwise, matching, arch).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}
