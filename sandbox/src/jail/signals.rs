//! What the process of an attempt does when the system stops it: it says why, and ends.

#![expect(unsafe_code, reason = "signal handlers")]

use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::outbox::{self, Cause};

/// The handlers run on a stack of their own, since the script's may be what is used up.
const HANDLER_STACK_BYTES: usize = 64 << 10;
/// A frame of the engine may be this large, so an overflow may fault this far below the stack's end.
const FRAME_BYTES_MAX: usize = 2 << 20;

/// The lowest and highest address of the stack.
static STACK_LOW: AtomicUsize = AtomicUsize::new(0);
static STACK_HIGH: AtomicUsize = AtomicUsize::new(0);

/// Installs the handlers. Forks inherit them.
pub(crate) fn install() {
    let stack = Box::leak(vec![0_u8; HANDLER_STACK_BYTES].into_boxed_slice());
    let alternate = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: HANDLER_STACK_BYTES };
    // SAFETY: the stack lives as long as the process; the handler only does what handlers may.
    unsafe {
        libc::sigaltstack(&raw const alternate, ptr::null_mut());
        let mut action: libc::sigaction = mem::zeroed();
        let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = handle;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for signal in HANDLED {
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
}

const HANDLED: [i32; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT, libc::SIGXCPU];

/// Ignores what is meant for the host, which ends this process by closing its socket, and what the host finds out in another way.
pub(crate) fn ignore() {
    let mut ignored = vec![libc::SIGPIPE, libc::SIGINT, libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP];
    if cfg!(target_os = "linux") {
        // The system reaps. Nobody here needs to know how an attempt ended: its socket says it.
        ignored.push(libc::SIGCHLD);
    }
    for signal in ignored {
        // SAFETY: changes what this process does on a signal.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

/// Says where the script's stack is.
pub(crate) fn stack_is(low: usize, high: usize) {
    STACK_LOW.store(low.saturating_sub(FRAME_BYTES_MAX), Ordering::SeqCst);
    STACK_HIGH.store(high, Ordering::SeqCst);
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    outbox::end_for(cause(signal, info));
    // Nobody to tell: this is the warm process itself.
    outbox::exit(1)
}

fn cause(signal: i32, info: *mut libc::siginfo_t) -> Cause {
    // SAFETY: the system gives valid information about the signal.
    let (address, code) = unsafe { ((*info).si_addr() as usize, (*info).si_code) };
    match signal {
        libc::SIGXCPU => Cause::CpuTime,
        // Our own code aborts in one case only: there is no more memory.
        libc::SIGABRT | libc::SIGTRAP => Cause::Heap,
        // How an abort ends when it may not raise its signal.
        libc::SIGSEGV if address == 0 && code == SI_KERNEL => Cause::Heap,
        libc::SIGSEGV | libc::SIGBUS
            if (STACK_LOW.load(Ordering::SeqCst)..STACK_HIGH.load(Ordering::SeqCst)).contains(&address) =>
        {
            Cause::Stack
        }
        _ => Cause::Crash,
    }
}

/// A fault without an address of its own, such as a privileged instruction.
const SI_KERNEL: i32 = 0x80;
