//! Taking a backup, while a server is running or not.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use connectors::vault::{Purpose, Vault};
use intents::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::frame::{damaged, explained};
use super::manifest::{Index, Manifest};
use super::series::manifest_of;
use super::write::{Entry, Job, Written};
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};
use crate::sealed::{Header, Kind, Reader};
use crate::store::{Piece, Snapshot, Table};

/// Pieces that wait to be written: some megabytes.
const WAITING_MAX: usize = 4;
/// What the configuration is called in the data folder, wherever it was.
const CONFIG_FILE: &str = "steward.toml";
/// The folders of the data folder whose files belong to a backup, beside the database.
const FOLDERS: [&str; 1] = ["artifacts"];

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Where it is.
    pub file: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    /// Its length.
    pub bytes: u64,
    /// Rows that a restore of it brings back.
    pub rows: u64,
    /// Pieces that are in the file; the others are in the backups that it is based on.
    pub pieces: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// The name of a backup taken now: sorts by time, and is like no other.
fn name(at: Timestamp, env: &Env) -> String {
    let time = at.to_jiff().strftime("%Y%m%dT%H%M%SZ");
    format!("{time}-{:08x}", env.entropy.next_u128() as u32)
}

/// Takes a backup into a file, or into a folder under a name of its own. Based on another one, it leaves out what that
/// one holds.
pub async fn take(config: &Config, vault: &Vault, env: &Env, to: &Path, base: Option<&Path>) -> Result<Taken, Error> {
    let began = env.now();
    let snapshot = Snapshot::open(&config.home, config.store.postgres().as_ref()).await?;
    let taken = take_of(&snapshot, config, vault, env, to, base).await;
    let mut taken = taken?;
    taken.took_ms = u64::try_from(env.now().since(began).as_millis()).unwrap_or(u64::MAX);
    Ok(taken)
}

async fn take_of(
    snapshot: &Snapshot,
    config: &Config,
    vault: &Vault,
    env: &Env,
    to: &Path,
    base: Option<&Path>,
) -> Result<Taken, Error> {
    let lock = vault.recovery_key();
    let anchor = *vault.subkey(Purpose::AnchorSigning).as_bytes();
    let (held, base) = match base {
        Some(base) => held_by(base, &lock).map(|(held, id)| (held, Some(id)))?,
        None => (HashSet::new(), None),
    };
    let migrations = snapshot.migrations().await?;
    let head = snapshot.head(&anchor).await?;
    let beginning = snapshot.beginning(&anchor).await?;
    let at = env.now();
    let manifest = Manifest {
        id: name(at, env),
        base,
        at,
        steward: env!("CARGO_PKG_VERSION").to_owned(),
        database: snapshot.database().to_owned(),
        migrations,
        position: head.position,
        chain: head.chain,
        archived: beginning.position,
        archived_chain: beginning.chain,
        recipe: vault.recipe(),
    };
    let file = if to.is_dir() { to.join(format!("steward-{}.backup", manifest.id)) } else { to.to_owned() };
    let about = serde_json::to_value(&manifest).expect("a manifest is plain data");
    let header = Header::new(Kind::Backup, at, about);
    let job = Job { file: file.clone(), header, lock: lock.key().clone(), fresh: env.random_bytes(), held };
    let (entries, coming) = mpsc::channel(WAITING_MAX);
    let writing = tokio::task::spawn_blocking(move || job.write(coming));
    let sent = send(snapshot, config, vault, entries).await;
    let written = writing.await.map_err(|_| Error::new(Code::BackupFailed, "the backup was broken off"))?;
    // When both have failed, the reader knows the cause, unless it is that nobody took what it sent.
    let Written { index, bytes, fresh } = match (sent, written) {
        (Err(error), _) => return Err(error),
        (Ok(()), written) => written?,
    };
    Ok(Taken { file, manifest, bytes, rows: index.rows(), pieces: fresh, took_ms: 0 })
}

/// The pieces that a backup needs, its own and those of the backups before it; and its name.
fn held_by(
    base: &Path,
    lock: &connectors::vault::RecoveryKey,
) -> Result<(HashSet<intents::canonical::Digest>, String), Error> {
    let input = File::open(base)
        .map_err(|error| Error::new(Code::BackupUnreadable, format!("`{}`: {error}", base.display())))?;
    let mut reader = Reader::open(BufReader::new(input), lock.key()).map_err(|error| explained(base, &error))?;
    let last = reader.last().map_err(|error| explained(base, &error))?;
    let manifest = manifest_of(base, reader.about())?;
    let index: Index = serde_json::from_slice(&last).map_err(|error| damaged(base, error))?;
    Ok((index.pieces().collect(), manifest.id))
}

/// Sends everything that belongs to a backup.
async fn send(snapshot: &Snapshot, config: &Config, vault: &Vault, to: mpsc::Sender<Entry>) -> Result<(), Error> {
    // First what is small: a restore that lacks it is of no use.
    for (path, bytes) in vault.pack().files() {
        drop(to.send(Entry::Bytes(path.to_owned(), bytes)).await);
    }
    if let Ok(bytes) = fs::read(&config.file) {
        drop(to.send(Entry::Bytes(CONFIG_FILE.to_owned(), Zeroizing::new(bytes))).await);
    }
    for table in Table::ALL.iter().filter(|table| table.travels()) {
        let (pieces, mut coming) = mpsc::channel::<Piece>(1);
        let passed = async {
            while let Some(piece) = coming.recv().await {
                if to.send(Entry::Piece(piece)).await.is_err() {
                    break;
                }
            }
            // Whoever reads the table learns at once that nobody takes what it reads.
            drop(coming);
        };
        let read = async {
            let pieces = pieces;
            snapshot.pieces(*table, &pieces).await
        };
        let (read, ()) = tokio::join!(read, passed);
        read?;
    }
    // After the snapshot was taken, so that whatever its rows speak of is there.
    for path in snapshot.archive_files().await? {
        let from = config.home.join(&path);
        drop(to.send(Entry::File(path, from)).await);
    }
    for folder in FOLDERS {
        for path in files_below(&config.home, Path::new(folder)) {
            let from = config.home.join(&path);
            drop(to.send(Entry::File(path.to_string_lossy().into_owned(), from)).await);
        }
    }
    drop(to.send(Entry::End).await);
    Ok(())
}

/// The plain files below a folder, as paths from the data folder, in order.
fn files_below(home: &Path, folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home.join(folder)) else { return Vec::new() };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let path = folder.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(home, &path)),
            Ok(kind) if kind.is_file() => files.push(path),
            Ok(_) | Err(_) => {}
        }
    }
    files
}
