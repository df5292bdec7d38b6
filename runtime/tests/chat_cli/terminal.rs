//! A terminal with a program in it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::home::Home;
use crate::support::server;
use crate::support::wait::{until, within};

/// What a program shows, it shows by then.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// A terminal with a program in it.
pub(crate) struct Terminal {
    keys: File,
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    /// How much of it was looked at.
    seen: usize,
}

impl Terminal {
    /// Starts the program.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::start_with(home, arguments, &[])
    }

    /// Starts the program with more in its environment.
    pub(crate) fn start_with(home: &Home, arguments: &[&str], more: &[(String, String)]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let inside = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let plain = [("TERM".to_owned(), "xterm".to_owned()), ("NO_COLOR".to_owned(), "1".to_owned())];
        let child = server::command(home, arguments, more)
            .envs(plain)
            .stdin(inside.try_clone().unwrap())
            .stdout(inside.try_clone().unwrap())
            .stderr(inside)
            .spawn()
            .unwrap();
        let keys = File::from(terminal);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, all) = (keys.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // When nobody is in the terminal any more, reading ends with an error.
            while let Ok(count @ 1..) = screen.read(&mut piece) {
                all.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..count]);
            }
        });
        Self { keys, child, shown, seen: 0 }
    }

    fn rest(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown[self.seen..]).into_owned()
    }

    /// Waits until this is shown, after what was waited for before.
    pub(crate) fn shows(&mut self, text: &str) {
        let found = within(SHOWN_WITHIN, || self.rest().find(text));
        let Some(at) = found else { panic!("`{text}` is not shown; this is:\n{}", self.rest()) };
        self.seen += at + text.len();
    }

    /// The number of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types.
    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the program ends.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        until("the program ends", SHOWN_WITHIN, || self.child.try_wait().unwrap())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
