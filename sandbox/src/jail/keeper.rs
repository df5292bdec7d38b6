//! Keeps a warm process alive: one thread that starts it, waits for its end, and starts the next one.

#![expect(unsafe_code, reason = "descriptors are put in place between fork and exec")]

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::jail::child::SOCKET;
use crate::jail::control::Control;
use crate::jail::zygote::ZYGOTE_ARGUMENT;

/// The first pause before a further start, doubled each time,
const PAUSE_MIN: Duration = Duration::from_millis(10);
/// up to this.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A process that lived this long was sound, so that the next pause is a short one again.
const SOUND_AFTER: Duration = Duration::from_secs(1);

/// The warm process of the moment, if there is one.
pub(crate) type Current = watch::Receiver<Option<Arc<Control>>>;

/// Keeps a warm process alive until it is dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    closing: Arc<AtomicBool>,
    starts: Arc<AtomicU64>,
    thread: Thread,
    published: Arc<watch::Sender<Option<Arc<Control>>>>,
}

impl Keeper {
    /// Starts the first process. A program that cannot be executed is an error now.
    pub(crate) fn start(program: &Path) -> io::Result<(Self, Current)> {
        let (published, current) = watch::channel(None);
        let published = Arc::new(published);
        let closing = Arc::new(AtomicBool::new(false));
        let starts = Arc::new(AtomicU64::new(0));
        let (first, started) = mpsc::channel();
        let work = Work {
            program: program.to_owned(),
            closing: Arc::clone(&closing),
            starts: Arc::clone(&starts),
            published: Arc::clone(&published),
        };
        // The system ends the warm process with the thread that started it, so this thread lives as long as it is
        // wanted.
        let thread = thread::Builder::new().name("steward-keeper".to_owned()).spawn(move || work.keep(first))?;
        started.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))?;
        Ok((Self { closing, starts, thread: thread.thread().clone(), published }, current))
    }

    /// How often a warm process was started.
    pub(crate) fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        // Closes the socket, which ends the process.
        self.published.send_replace(None);
        self.thread.unpark();
    }
}

struct Work {
    program: PathBuf,
    closing: Arc<AtomicBool>,
    starts: Arc<AtomicU64>,
    published: Arc<watch::Sender<Option<Arc<Control>>>>,
}

impl Work {
    fn keep(self, first: mpsc::Sender<io::Result<()>>) {
        let mut first = Some(first);
        let mut pause = PAUSE_MIN;
        while !self.closing.load(Ordering::SeqCst) {
            let started = now();
            match spawn(&self.program) {
                Ok((mut process, control)) => {
                    self.starts.fetch_add(1, Ordering::Relaxed);
                    self.published.send_replace(Some(Arc::new(control)));
                    if let Some(first) = first.take() {
                        drop(first.send(Ok(())));
                    }
                    if self.closing.load(Ordering::SeqCst) {
                        self.published.send_replace(None);
                    }
                    let ended = process.wait();
                    self.published.send_replace(None);
                    if !self.closing.load(Ordering::SeqCst) {
                        tracing::warn!(?ended, "the sandbox's warm process ended; another one is started");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the sandbox's warm process could not be started");
                    if let Some(first) = first.take() {
                        // Whoever starts the jail hears of it, and has no jail.
                        drop(first.send(Err(error)));
                        return;
                    }
                }
            }
            pause = if now() - started > SOUND_AFTER { PAUSE_MIN } else { (pause * 2).min(PAUSE_MAX) };
            if !self.closing.load(Ordering::SeqCst) {
                thread::park_timeout(pause);
            }
        }
    }
}

fn spawn(program: &Path) -> io::Result<(Child, Control)> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(program);
    command
        .arg(ZYGOTE_ARGUMENT)
        .env_clear()
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let socket = theirs.as_raw_fd();
    // SAFETY: between fork and exec only system calls are made.
    unsafe {
        command.pre_exec(move || put_in_place(socket));
    }
    let process = command.spawn()?;
    let control = Control::new(ours, process.id())?;
    Ok((process, control))
}

/// Makes the socket descriptor 3 of the process to be, which keeps it over the exec.
fn put_in_place(socket: i32) -> io::Result<()> {
    // SAFETY: moves a descriptor of a process that is about to be replaced.
    let status =
        unsafe { if socket == SOCKET { libc::fcntl(socket, libc::F_SETFD, 0) } else { libc::dup2(socket, SOCKET) } };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// How long a process lived concerns no run.
#[expect(clippy::disallowed_methods, reason = "the machine's time, outside of every run")]
fn now() -> Instant {
    Instant::now()
}
