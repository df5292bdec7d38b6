//! Space that is kept for bad days: when the disk is full it is given back, so that what stops, answers and cleans
//! up still gets through.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::folder::private;

/// Enough for thousands of stops and answers, and for the deletions that make room again.
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// The kept space, and whether it had to be given back.
pub(super) struct Reserve {
    /// None where the space is another machine's.
    path: Option<PathBuf>,
    full: AtomicBool,
}

impl Reserve {
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: Some(folder.join("reserve")), full: AtomicBool::new(false) }
    }

    /// For a store on another machine's disk: all there is to do is to try again.
    pub(super) fn elsewhere() -> Self {
        Self { path: None, full: AtomicBool::new(false) }
    }

    /// Whether the disk is known to be full.
    pub(super) fn is_given_back(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Remembers that the disk is full, and gives back the space that was kept for this.
    pub(super) fn give_back(&self) {
        self.full.store(true, Ordering::Relaxed);
        // When it is gone already there is nothing more to give.
        if let Some(path) = &self.path {
            drop(fs::remove_file(path));
        }
    }

    /// Keeps the space, where it is not kept; ends the state of a full disk when there is space again: for the
    /// reserve, and as much beside it, lest the next change finds the disk full once more.
    pub(super) fn keep(&self) {
        let Some(path) = &self.path else {
            self.full.store(false, Ordering::Relaxed);
            return;
        };
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() == RESERVE_BYTES) {
            self.full.store(false, Ordering::Relaxed);
            return;
        }
        let wanted = if self.is_given_back() { 2 * RESERVE_BYTES } else { RESERVE_BYTES };
        if self.is_given_back() && free_bytes(path).is_some_and(|free| free < wanted) {
            return;
        }
        match write(path, wanted) {
            Ok(()) => self.full.store(false, Ordering::Relaxed),
            // What little there is must not go to work that can wait.
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => self.give_back(),
            Err(_) => drop(fs::remove_file(path)),
        }
    }
}

fn free_bytes(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path.parent()?).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Makes sure that there is the wanted space, and keeps the reserve of it.
fn write(path: &Path, wanted: u64) -> std::io::Result<()> {
    let mut file = private().create(true).truncate(true).open(path)?;
    // Written rather than only made long: a file of holes would keep no space.
    let block = vec![0u8; 1024 * 1024];
    for _ in 0..wanted / block.len() as u64 {
        file.write_all(&block)?;
    }
    file.set_len(RESERVE_BYTES)?;
    file.sync_all()
}
