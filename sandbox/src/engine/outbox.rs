//! The way out of the script's process: frames to the host, and the last word.
//!
//! Whatever breaks, the last word must get out: from inside the allocator, from the engine's interrupt, from a
//! signal handler on a stack of its own. So the frames for these ends are made before the script starts, the buffer
//! never moves, and its length is set only after its bytes.

#![expect(unsafe_code, reason = "the buffer is shared with signal handlers, and bytes leave by system calls")]

use std::cell::UnsafeCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

use crate::report::{FromScript, Which};
use crate::wire;

/// Frames of a turn leave together up to this many bytes.
const CAPACITY: usize = 32 << 10;

/// An end that leaves no room to make a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    Heap,
    Stack,
    Instructions,
    CpuTime,
    Crash,
}

impl Cause {
    const ALL: [Self; 5] = [Self::Heap, Self::Stack, Self::Instructions, Self::CpuTime, Self::Crash];

    fn word(self) -> FromScript {
        match self {
            Self::Heap => FromScript::Limit(Which::Heap.broken()),
            Self::Stack => FromScript::Limit(Which::Stack.broken()),
            Self::Instructions => FromScript::Limit(Which::Instructions.broken()),
            Self::CpuTime => FromScript::Limit(Which::CpuTime.broken()),
            Self::Crash => FromScript::Crashed { message: "the sandbox's process broke down".to_owned() },
        }
    }
}

struct Outbox {
    socket: AtomicI32,
    length: AtomicUsize,
    bytes: UnsafeCell<[u8; CAPACITY]>,
}

// SAFETY: the process has one thread; a signal handler only reads below `length`, which is set after the bytes.
unsafe impl Sync for Outbox {}

static OUTBOX: Outbox =
    Outbox { socket: AtomicI32::new(-1), length: AtomicUsize::new(0), bytes: UnsafeCell::new([0; CAPACITY]) };
static LAST_WORDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// Makes the last words. Called once, long before any is needed.
pub(crate) fn prepare() {
    LAST_WORDS.get_or_init(|| Cause::ALL.into_iter().map(|cause| wire::encode(&cause.word())).collect());
}

/// From here on, frames leave through this socket.
pub(crate) fn open(socket: i32) {
    OUTBOX.socket.store(socket, Ordering::SeqCst);
}

/// Whether there is a host to talk to.
pub(crate) fn is_open() -> bool {
    OUTBOX.socket.load(Ordering::SeqCst) >= 0
}

/// Puts a frame with the others of this turn.
pub(crate) fn send(message: &FromScript) {
    let frame = wire::encode(message);
    let length = OUTBOX.length.load(Ordering::Relaxed);
    if length + frame.len() > CAPACITY {
        flush();
        if frame.len() > CAPACITY {
            return write(&frame);
        }
    }
    let length = OUTBOX.length.load(Ordering::Relaxed);
    // SAFETY: one thread, and the frame fits behind `length`, where no signal handler reads.
    unsafe {
        let start = OUTBOX.bytes.get().cast::<u8>().add(length);
        start.copy_from_nonoverlapping(frame.as_ptr(), frame.len());
    }
    OUTBOX.length.store(length + frame.len(), Ordering::SeqCst);
}

/// Sends what has gathered.
pub(crate) fn flush() {
    let length = OUTBOX.length.load(Ordering::SeqCst);
    if length > 0 {
        OUTBOX.length.store(0, Ordering::SeqCst);
        // SAFETY: one thread; nothing is added while this writes.
        write(unsafe { std::slice::from_raw_parts(OUTBOX.bytes.get().cast(), length) });
    }
}

/// Sends the last word and ends the process.
pub(crate) fn end(message: &FromScript) -> ! {
    send(message);
    flush();
    exit(0)
}

/// Ends the process with a word that was made before. Allocates nothing, so it may be called from anywhere.
pub(crate) fn end_for(cause: Cause) {
    if is_open() {
        flush();
        if let Some(word) = LAST_WORDS.get().and_then(|words| words.get(cause as usize)) {
            write(word);
        }
        exit(0)
    }
}

/// Ends the process without running anything else of it.
pub(crate) fn exit(status: i32) -> ! {
    // SAFETY: ends the process, and nothing of it is needed any more.
    unsafe { libc::_exit(status) }
}

fn write(mut bytes: &[u8]) {
    let socket = OUTBOX.socket.load(Ordering::SeqCst);
    while !bytes.is_empty() {
        // SAFETY: the bytes are valid for reading. A host that is gone is an error here, not a signal.
        let sent = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), NO_SIGNAL) };
        match usize::try_from(sent) {
            Ok(sent) => bytes = &bytes[sent.min(bytes.len())..],
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            // Nobody listens any more.
            Err(_) => exit(1),
        }
    }
}

#[cfg(target_os = "linux")]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// Elsewhere the process ignores the signal.
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: i32 = 0;
