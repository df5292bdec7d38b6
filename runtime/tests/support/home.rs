//! A data folder of its own, with a name of its own for the program: whatever runs under it belongs to this test.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use super::chance::Chance;

/// Ports that outgoing connections do not take theirs from, so that a server finds its port again after a restart.
const PORTS: std::ops::Range<u64> = 20_000..32_000;

/// A data folder with what belongs to it.
pub(crate) struct Home {
    folder: TempDir,
    data: PathBuf,
    program: PathBuf,
    port: u16,
}

impl Home {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        Self::over(chance, None)
    }

    /// Another server for the same data folder, with a program and a port of its own.
    pub(crate) fn beside(&self, chance: &mut Chance) -> Self {
        Self::over(chance, Some(self.data.clone()))
    }

    fn over(chance: &mut Chance, data: Option<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("steward-").tempdir().expect("there is room for a folder");
        // What /proc shows has no links in its path.
        let base = folder.path().canonicalize().expect("the folder is there");
        let program = base.join("steward");
        let original = env!("CARGO_BIN_EXE_steward");
        if std::fs::hard_link(original, &program).is_err() {
            std::fs::copy(original, &program).expect("the program can be copied");
        }
        let data = data.unwrap_or_else(|| folder.path().join("data"));
        Self { port: free_port(chance), folder, data, program }
    }

    /// The program under its own name.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The data folder of the server.
    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// A folder beside the data folder, made when it is not there.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        folder.canonicalize().expect("it was just made")
    }
}

/// A port that nobody listens on, and that no other test of this binary was given.
fn free_port(chance: &mut Chance) -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    // Test binaries at the same time have the same seeds, and so would try the same ports in the same order.
    let mut chance = Chance::new(chance.next() ^ u64::from(std::process::id()));
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    (0..1000)
        .map(|_| u16::try_from(PORTS.start + chance.below(PORTS.end - PORTS.start)).expect("a port has 16 bits"))
        // To try a port is to hold it for a moment: one that was given is not tried again.
        .find(|port| given.insert(*port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("one of a thousand ports is free")
}
