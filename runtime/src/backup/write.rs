//! Writing the file of a backup: on a thread of its own, and under its name only when it is whole.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use connectors::vault::Key;
use intents::canonical::Digest;
use tokio::sync::mpsc;

use super::frame::{FILE_BYTES, Frame};
use super::manifest::Index;
use crate::error::{Code, Error};
use crate::sealed::{self, Header, Writer};
use crate::store::Piece;

/// What unfinished files are called, so that the next backup finds and removes them.
const PART: &str = ".steward-backup-part-";

/// What comes into a backup.
pub(super) enum Entry {
    /// Rows of a table.
    Piece(Piece),
    /// A file that is in memory.
    Bytes(String, zeroize::Zeroizing<Vec<u8>>),
    /// A file below the data folder, by its relative path. One that has gone meanwhile is left out.
    File(String, PathBuf),
    /// Everything has come.
    End,
}

/// A backup that is written.
pub(super) struct Job {
    /// Where it will be.
    pub(super) file: PathBuf,
    pub(super) header: Header,
    pub(super) lock: Key,
    /// The random key of the file.
    pub(super) fresh: [u8; 32],
    /// The pieces that an earlier backup holds.
    pub(super) held: HashSet<Digest>,
}

/// What was written.
pub(super) struct Written {
    pub(super) index: Index,
    pub(super) bytes: u64,
    /// Pieces that are in this file.
    pub(super) fresh: u64,
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::new(Code::BackupFailed, format!("the backup `{}` could not be written: {error}", path.display()))
}

impl Job {
    /// Writes what comes. Blocks; ends without a file when not everything has come.
    pub(super) fn write(self, entries: mpsc::Receiver<Entry>) -> Result<Written, Error> {
        let file = self.file.clone();
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            Some(_) | None => PathBuf::from("."),
        };
        if file.exists() {
            return Err(Error::new(
                Code::BackupExists,
                format!("`{}` is there already; choose another name", file.display()),
            ));
        }
        remove_leftovers(&folder);
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let part = folder.join(format!("{PART}{name}"));
        let written = self.write_part(&part, entries);
        let placed = written.and_then(|written| {
            // A name that was taken meanwhile is not taken over.
            fs::hard_link(&part, &file)
                .or_else(|error| {
                    if error.kind() == io::ErrorKind::AlreadyExists { Err(error) } else { fs::rename(&part, &file) }
                })
                .and_then(|()| File::open(&folder)?.sync_all())
                .map_err(|error| failed(&file, error))?;
            Ok(written)
        });
        // It has its own name now, or is of no use.
        drop(fs::remove_file(&part));
        placed
    }

    fn write_part(self, part: &Path, mut entries: mpsc::Receiver<Entry>) -> Result<Written, Error> {
        let failed = |error: sealed::Error| failed(&self.file, error);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let out = options.open(part).map_err(|error| failed(error.into()))?;
        // As long as this is held, the file is no leftover.
        out.try_lock().map_err(|error| failed(io::Error::from(error).into()))?;
        out.set_len(0).map_err(|error| failed(error.into()))?;
        let out = BufWriter::with_capacity(FILE_BYTES, out);
        let writer = Writer::begin(out, &self.lock, self.fresh, self.header).map_err(failed)?;
        let mut state = State { writer, held: self.held, index: Index::default(), fresh: 0 };
        loop {
            match entries.blocking_recv() {
                Some(Entry::Piece(piece)) => state.rows(&piece).map_err(failed)?,
                Some(Entry::Bytes(path, bytes)) => state.file(path, &mut bytes.as_slice()).map_err(failed)?,
                Some(Entry::File(path, from)) => match File::open(from) {
                    Ok(mut file) => state.file(path, &mut file).map_err(failed)?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(failed(error.into())),
                },
                Some(Entry::End) => break,
                // Whoever sends has failed, and says why.
                None => return Err(Error::new(Code::BackupFailed, "the backup was broken off")),
            }
        }
        let State { writer, index, fresh, .. } = state;
        let last = serde_json::to_vec(&index).expect("an index is plain data");
        let (out, bytes) = writer.end(&last).map_err(failed)?;
        let out = out.into_inner().map_err(|error| failed(error.into_error().into()))?;
        out.sync_all().map_err(|error| failed(error.into()))?;
        Ok(Written { index, bytes, fresh })
    }
}

struct State {
    writer: Writer<BufWriter<File>>,
    held: HashSet<Digest>,
    index: Index,
    fresh: u64,
}

impl State {
    fn rows(&mut self, piece: &Piece) -> Result<(), sealed::Error> {
        let digest = self.frame(Frame::Rows(piece.to_bytes()))?;
        let table = self.index.tables.entry(piece.table().to_owned()).or_default();
        table.rows += piece.rows();
        table.pieces.push(digest);
        Ok(())
    }

    fn file(&mut self, path: String, input: &mut impl Read) -> Result<(), sealed::Error> {
        let mut index = super::manifest::FileIndex::default();
        loop {
            let mut part = Vec::new();
            input.by_ref().take(FILE_BYTES as u64).read_to_end(&mut part)?;
            let length = part.len();
            if length > 0 {
                index.bytes += length as u64;
                index.pieces.push(self.frame(Frame::File(part))?);
            }
            if length < FILE_BYTES {
                self.index.files.insert(path, index);
                return Ok(());
            }
        }
    }

    /// Writes a frame, unless it is held already; gives its name.
    fn frame(&mut self, frame: Frame) -> Result<Digest, sealed::Error> {
        let digest = frame.digest();
        if self.held.insert(digest) {
            self.writer.frame(&frame.to_bytes())?;
            self.fresh += 1;
        }
        Ok(digest)
    }
}

/// Removes what backups left behind that died in the middle. One that is under way is left alone.
pub(crate) fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PART) {
            continue;
        }
        let dead = File::open(entry.path()).is_ok_and(|file| !matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        if dead {
            drop(fs::remove_file(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dead_backup_left_is_removed_and_what_a_living_one_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (dead, alive) = (folder.path().join(format!("{PART}dead")), folder.path().join(format!("{PART}alive")));
        let other = folder.path().join("whole.backup");
        for path in [&dead, &alive, &other] {
            fs::write(path, "x").unwrap();
        }
        let written = File::options().write(true).open(&alive).unwrap();
        written.try_lock().unwrap();
        remove_leftovers(folder.path());
        assert!(!dead.exists() && alive.exists() && other.exists());
    }
}
