//! Where the running server is: a small file in the data folder, written when it listens.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// The name of the file.
const FILE: &str = "server.json";

/// Where the running server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerFile {
    /// Its address.
    pub(super) address: SocketAddr,
    /// Its process.
    pub(super) pid: u32,
}

/// The file of this process; it goes when this is dropped. After a crash it stays, and leads nowhere.
#[derive(Debug)]
pub(super) struct Announced(PathBuf);

impl ServerFile {
    /// Reads the file; none when there is none that makes sense.
    pub(super) fn read(home: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(home.join(FILE)).ok()?).ok()
    }

    /// Writes the file.
    pub(super) fn announce(home: &Path, address: SocketAddr) -> Result<Announced, Error> {
        let path = home.join(FILE);
        let fresh = path.with_extension("new");
        let bytes = serde_json::to_vec(&Self { address, pid: std::process::id() }).expect("an address is plain data");
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh);
        written
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|error| Error::new(Code::FileUnreadable, format!("`{}`: {error}", path.display())))?;
        Ok(Announced(path))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // A file that stays leads nowhere, which every reader finds out.
        drop(fs::remove_file(&self.0));
    }
}
