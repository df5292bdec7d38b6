//! What the process of an attempt may ask of the system: talk through its socket, manage its memory, end.

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// The filter of an attempt, made once in the warm process.
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

impl Filter {
    /// Makes the filter.
    pub(crate) fn new() -> io::Result<Self> {
        let mut allowed: Rules = ALLOWED.into_iter().chain(REFUSED).map(|call| (call, Vec::new())).collect();
        let no_exec = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
        for call in WITHOUT_EXEC {
            let condition = SeccompCondition::new(PROTECTION, SeccompCmpArgLen::Dword, no_exec.clone(), 0)
                .map_err(io::Error::other)?;
            allowed.insert(call, vec![SeccompRule::new(vec![condition]).map_err(io::Error::other)?]);
        }
        Ok(Self(program(allowed, SeccompAction::KillProcess, SeccompAction::Allow)?))
    }

    /// Applies it to this process, for good.
    pub(crate) fn apply(&self) -> io::Result<()> {
        seccompiler::apply_filter(&self.0).map_err(io::Error::other)
    }
}

/// Takes from this process, and so from its forks, what none of them needs: to signal others, and to change what
/// signals do. Every fork inherits this, which is cheaper than a second filter of its own.
pub(crate) fn refuse_signals() -> io::Result<()> {
    let refused = REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    let program = program(refused, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn program(rules: Rules, otherwise: SeccompAction, matching: SeccompAction) -> io::Result<BpfProgram> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, otherwise, matching, arch).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}
