//! A backup with those that it is based on: opened, put in order, and looked through to the last piece.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use connectors::vault::{RecoveryKey, Secret};
use intents::canonical::Digest;

use super::frame::{Frame, damaged, explained};
use super::manifest::{Index, Manifest};
use crate::error::{Code, Error};
use crate::sealed::{Header, Kind, Reader};
use crate::store::{ChainCheck, Piece, Table};

/// What may open a backup.
#[derive(Debug)]
pub enum Lock {
    /// The recovery key.
    Recovery(RecoveryKey),
    /// The passphrase that makes the master key.
    Passphrase(Secret),
}

impl Lock {
    fn key(&self, manifest: &Manifest, path: &Path) -> Result<RecoveryKey, Error> {
        match (self, &manifest.recipe) {
            (Self::Recovery(key), _) => Ok(key.clone()),
            (Self::Passphrase(passphrase), Some(recipe)) => Ok(RecoveryKey::from_passphrase(recipe, passphrase)?),
            (Self::Passphrase(_), None) => {
                let message = format!("`{}` opens with a recovery code, not with a passphrase", path.display());
                Err(Error::new(Code::BackupKey, message))
            }
        }
    }
}

/// One file of a series.
struct Part {
    path: PathBuf,
    manifest: Manifest,
}

/// A backup with those that it is based on, oldest first.
pub struct Series {
    parts: Vec<Part>,
    key: RecoveryKey,
}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.parts.iter().map(|part| &part.path)).finish()
    }
}

/// What was found when a series was looked through.
#[derive(Debug)]
pub struct Verified {
    /// What the newest backup says about itself.
    pub manifest: Manifest,
    /// Rows that a restore brings back.
    pub rows: u64,
    /// Files that a restore brings back.
    pub files: u64,
    /// Bytes that were read.
    pub bytes: u64,
    pub(super) index: Index,
}

/// Reads what a backup says about itself; without its key nobody knows whether it is true.
pub fn manifest_at(path: &Path) -> Result<Manifest, Error> {
    let mut input = open(path)?;
    let header = Reader::header(&mut input).map_err(|error| explained(path, &error))?;
    manifest_of(path, &header)
}

/// What the header of a backup says.
pub(super) fn manifest_of(path: &Path, header: &Header) -> Result<Manifest, Error> {
    if header.kind != Kind::Backup {
        return Err(Error::new(Code::BackupUnreadable, format!("`{}` is no backup", path.display())));
    }
    serde_json::from_value(header.about.clone()).map_err(|error| damaged(path, error))
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    let input = File::open(path)
        .map_err(|error| Error::new(Code::BackupUnreadable, format!("`{}`: {error}", path.display())))?;
    Ok(BufReader::new(input))
}

impl Series {
    /// Puts files in order: from the one that is based on none to the one on which none is based.
    pub fn open(files: &[PathBuf], lock: &Lock) -> Result<Self, Error> {
        let mut by_base = BTreeMap::new();
        for path in files {
            let manifest = manifest_at(path)?;
            let known = migrations::known();
            if let Some(migration) = manifest.migrations.iter().find(|migration| !known.contains(migration)) {
                let message = format!(
                    "`{}` was taken by Steward {}, which is newer (its database has `{migration}`); install that version",
                    path.display(),
                    manifest.steward
                );
                return Err(Error::new(Code::BackupNewer, message));
            }
            by_base.insert(manifest.base.clone(), Part { path: path.clone(), manifest });
        }
        let incomplete = |message: String| Error::new(Code::BackupIncomplete, message);
        let count = by_base.len();
        let mut parts: Vec<Part> = Vec::with_capacity(count);
        while let Some(part) = by_base.remove(&parts.last().map(|part| part.manifest.id.clone())) {
            parts.push(part);
        }
        if let Some((Some(base), left)) = by_base.first_key_value() {
            let message =
                format!("`{}` is based on the backup {base}, which is not among the files", left.path.display());
            return Err(incomplete(message));
        }
        let Some(first) = parts.first() else { return Err(incomplete("no backup was named".to_owned())) };
        if parts.len() < files.len() {
            return Err(incomplete("the files are not one backup and what is based on it".to_owned()));
        }
        let key = lock.key(&first.manifest, &first.path)?;
        Ok(Self { parts, key })
    }

    /// What the newest backup says about itself.
    pub fn newest(&self) -> &Manifest {
        &self.parts.last().expect("a series has a backup").manifest
    }

    /// Looks through all of it: every frame opens, every piece is there, and the events are one chain.
    pub fn verify(&self, mut progress: impl FnMut(u64)) -> Result<Verified, Error> {
        let newest = self.parts.last().expect("a series has a backup");
        let index = self.index(newest)?;
        let mut missing: HashSet<Digest> = index.pieces().collect();
        let mut rows: BTreeMap<String, u64> = BTreeMap::new();
        let mut chain = ChainCheck::new(newest.manifest.beginning());
        let mut bytes = 0;
        self.walk(|path, frame| {
            if !missing.remove(&frame.digest()) {
                return Ok(());
            }
            match frame {
                Frame::Rows(encoded) => {
                    bytes += encoded.len() as u64;
                    let piece = Piece::from_bytes(&encoded).map_err(|error| damaged(path, error))?;
                    *rows.entry(piece.table().to_owned()).or_default() += piece.rows();
                    if piece.table() == Table::Events.name() {
                        chain.pass(piece).map_err(|error| damaged(path, error))?;
                    }
                }
                Frame::File(part) => bytes += part.len() as u64,
            }
            progress(bytes);
            Ok(())
        })?;
        if !missing.is_empty() {
            let message = format!("{} of its pieces are in none of the files", missing.len());
            return Err(Error::new(Code::BackupIncomplete, message));
        }
        if index.tables.iter().any(|(name, table)| rows.get(name).copied().unwrap_or(0) != table.rows) {
            return Err(damaged(&newest.path, "a table has not as many rows as it should"));
        }
        if chain.head() != newest.manifest.head() {
            return Err(damaged(&newest.path, "its events do not lead to the chain that it was taken with"));
        }
        let manifest = newest.manifest.clone();
        Ok(Verified { manifest, rows: index.rows(), files: index.files.len() as u64, bytes, index })
    }

    fn index(&self, newest: &Part) -> Result<Index, Error> {
        let mut reader = self.reader(newest)?;
        let last = reader.last().map_err(|error| explained(&newest.path, &error))?;
        serde_json::from_slice(&last).map_err(|error| damaged(&newest.path, error))
    }

    fn reader(&self, part: &Part) -> Result<Reader<BufReader<File>>, Error> {
        let reader = Reader::open(open(&part.path)?, self.key.key()).map_err(|error| explained(&part.path, &error))?;
        // The file may have been replaced since its header was read.
        if manifest_of(&part.path, reader.about())? == part.manifest {
            Ok(reader)
        } else {
            Err(damaged(&part.path, "it is another file than a moment ago"))
        }
    }

    /// Goes through all frames but the indexes, oldest file first.
    pub(super) fn walk(&self, mut each: impl FnMut(&Path, Frame) -> Result<(), Error>) -> Result<(), Error> {
        for part in &self.parts {
            let mut reader = self.reader(part)?;
            let mut next = reader.next().map_err(|error| explained(&part.path, &error))?;
            while let Some(frame) = next {
                next = reader.next().map_err(|error| explained(&part.path, &error))?;
                if next.is_some() {
                    let frame = Frame::from_bytes(frame);
                    each(&part.path, frame.ok_or_else(|| damaged(&part.path, "a frame is of no kind"))?)?;
                }
            }
        }
        Ok(())
    }
}
