//! Says on the error stream that something takes long, and how far it is.

use std::io::{self, IsTerminal, Write};

/// Something that takes long. Its line goes away when it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    shown: bool,
    width: usize,
}

impl Progress {
    /// Begins. Only a person at a terminal is told.
    pub(super) fn begin(text: &str) -> Self {
        let mut progress = Self { shown: io::stderr().is_terminal(), width: 0 };
        progress.say(text);
        progress
    }

    /// Says how far it is.
    pub(super) fn say(&mut self, text: &str) {
        if self.shown {
            let width = text.chars().count();
            // What nobody can read needs no care.
            drop(write!(io::stderr().lock(), "\r{text}{}", " ".repeat(self.width.saturating_sub(width))));
            self.width = width;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            drop(write!(io::stderr().lock(), "\r{}\r", " ".repeat(self.width)));
        }
    }
}
