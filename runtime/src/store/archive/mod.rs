//! The archive: old events, in sealed files behind signed checkpoints.
//!
//! A segment of events is written to a file, read back and compared; then one commit stores its checkpoint; only then
//! may its events leave the table: the database refuses to delete an event that no checkpoint covers. An audit reads
//! the archive first and goes on with the table, so the chain is one.

mod checkpoint;
mod file;
mod retire;

pub use retire::Archived;

pub(super) use checkpoint::{Beginning, Checkpoint, beginning, checkpoints, head_of, heads};
pub(super) use file::{Segment, events_of, read};

use std::path::{Path, PathBuf};

/// Where the files are, in the data folder.
pub(crate) const FOLDER: &str = "archive";

/// The file of a segment.
pub(super) fn path_of(folder: &Path, file: &str) -> PathBuf {
    folder.join(FOLDER).join(file)
}
