//! Secrets that lie in files of their own, as service managers and containers hand them over.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A longer file is no secret.
const BYTES_MAX: u64 = 64 * 1024;
/// Everybody on the machine may read it.
const READABLE_BY_ALL: u32 = 0o004;

/// What was found in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: String,
    /// Whether everybody on the machine may read it.
    pub(super) is_public: bool,
}

/// Reads a secret, without the space around it that editors leave.
pub(super) fn read(path: &Path) -> Result<Found, String> {
    let refused = |reason: &dyn std::fmt::Display| format!("the file `{}` {reason}", path.display());
    let file = File::open(path).map_err(|error| refused(&format_args!("could not be opened: {error}")))?;
    let metadata = file.metadata().map_err(|error| refused(&format_args!("could not be read: {error}")))?;
    if metadata.is_dir() {
        return Err(refused(&"is a folder"));
    }
    let mut text = String::new();
    let read = file.take(BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| refused(&format_args!("could not be read: {error}")))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(refused(&format_args!("is longer than {BYTES_MAX} bytes")));
    }
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(refused(&"is empty"));
    }
    Ok(Found { text, is_public: metadata.permissions().mode() & READABLE_BY_ALL != 0 })
}
