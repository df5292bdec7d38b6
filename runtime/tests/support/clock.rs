//! A clock that a test moves on: for a server of its own, whose days would take too long otherwise.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use jiff::Timestamp;
use tempfile::TempDir;

static SHIM: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a folder can be made");
    let library = folder.path().join("clock.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/clock.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .expect("a C compiler is there: the build needs one too");
    assert!(built.success(), "the clock does not compile");
    (folder, library)
});

/// A clock that is ahead of the real one.
pub(crate) struct Clock {
    folder: TempDir,
    file: Mutex<File>,
}

impl Clock {
    /// A clock that shows this time now.
    pub(crate) fn showing(at: Timestamp) -> Self {
        let folder = TempDir::new().expect("a folder can be made");
        let file = File::create(folder.path().join("ahead")).expect("a file can be made");
        let clock = Self { folder, file: Mutex::new(file) };
        clock.move_to(at);
        clock
    }

    /// What a server has in its environment to go by this clock.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        let ahead = self.folder.path().join("ahead");
        [("LD_PRELOAD", SHIM.1.display().to_string()), ("SHIM_CLOCK", ahead.display().to_string())]
    }

    /// Moves the clock on.
    pub(crate) fn move_to(&self, at: Timestamp) {
        let ahead = at.as_millisecond() - Timestamp::now().as_millisecond();
        let mut file = self.file.lock().expect("nobody panics with it");
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&ahead.to_ne_bytes()))
            .expect("a file can be written");
    }
}
