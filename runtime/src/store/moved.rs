//! A data folder whose store is in another database: what it holds itself is not used by mistake.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use super::Error;
use super::folder::{private, sync_folder};

/// Says where the store is.
const MOVED_FILE: &str = "steward.db.moved";

/// Where the store of this folder is, if it is not in the folder.
pub(super) fn to(folder: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(folder.join(MOVED_FILE)) {
        Ok(to) => Ok(Some(to.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(folder, &error)),
    }
}

/// Refuses a folder whose store is elsewhere.
pub(super) fn refuse(folder: &Path) -> Result<(), Error> {
    match to(folder)? {
        Some(to) => Err(Error::Moved { folder: folder.to_owned(), to }),
        None => Ok(()),
    }
}

/// Refuses a folder with a store of its own, which nobody would miss at first.
pub(super) fn refuse_left_behind(folder: &Path) -> Result<(), Error> {
    if to(folder)?.is_none() && folder.join("steward.db").exists() {
        return Err(Error::LeftBehind { folder: folder.to_owned() });
    }
    Ok(())
}

/// Remembers, durably, that the store of this folder is elsewhere.
pub(super) fn note(folder: &Path, to: &str) -> Result<(), Error> {
    let path = folder.join(MOVED_FILE);
    let fresh = folder.join(format!("{MOVED_FILE}.new"));
    let written = private().create(true).truncate(true).open(&fresh).and_then(|mut file| {
        writeln!(file, "{to}")?;
        file.sync_all()
    });
    let there = written.and_then(|()| fs::rename(&fresh, &path)).and_then(|()| sync_folder(folder));
    there.map_err(|error| failed(folder, &error))
}

fn failed(folder: &Path, error: &io::Error) -> Error {
    Error::Folder { folder: folder.to_owned(), reason: error.to_string() }
}
