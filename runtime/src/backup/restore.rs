//! Bringing an installation back on an empty machine.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use connectors::vault::{MasterKeySource, Purpose, Vault};
use intents::canonical::Digest;
use tokio::sync::mpsc;

use super::frame::{FILE_BYTES, Frame, damaged};
use super::manifest::{Index, Manifest};
use super::series::{Series, Verified};
use crate::env::Env;
use crate::error::{Code, Error};
use crate::store::{self, AfterRestore, Anchor, Keys, Piece, Rebuild, Restored, Store};

/// Says that a folder holds an unfinished restore: no server starts on it, and the next restore begins anew.
const MARKER: &str = "restore.unfinished";
/// What a file system puts into a folder by itself.
const FOREIGN: &str = "lost+found";
/// Pieces that wait to be written: some megabytes.
const WAITING_MAX: usize = 4;

/// What is restored, and where to.
#[derive(Debug)]
pub struct Restore<'r> {
    /// The backups, oldest first.
    pub series: Arc<Series>,
    /// The data folder: empty, or not there.
    pub home: &'r Path,
    /// Where the master key comes from, where a passphrase makes it.
    pub master_key: &'r MasterKeySource,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the backup said about itself. What happened after it is lost.
    pub manifest: Manifest,
    /// Rows that are back.
    pub rows: u64,
    /// Files that are back.
    pub files: u64,
    /// What was paused.
    pub after: AfterRestore,
}

/// Refuses a folder whose restore was broken off.
pub fn refuse_unfinished(home: &Path) -> Result<(), Error> {
    if !home.join(MARKER).exists() {
        return Ok(());
    }
    let message = format!(
        "a restore into `{}` was broken off; run `steward restore` again, which begins anew, or remove the folder",
        home.display()
    );
    Err(Error::new(Code::RestoreUnfinished, message))
}

/// Restores. Nothing is written before all of the backup was looked through; cut off, it can be begun again.
pub async fn restore(restore: Restore<'_>, env: &Env, mut stage: impl FnMut(&str)) -> Result<Outcome, Error> {
    let home = restore.home;
    refuse_used(home)?;
    stage("Looking through the backup …");
    let series = Arc::clone(&restore.series);
    let verified = tokio::task::spawn_blocking(move || series.verify(|_| {})).await.map_err(|_| broken_off())??;
    stage("Bringing back what it holds …");
    let marked = clear(home).map_err(|error| failed(home, &error))?;
    write_all(Arc::clone(&restore.series), &verified, home).await?;
    stage("Looking through the record of events …");
    let outcome = bring_up(&restore, verified, env).await?;
    marked.lift().map_err(|error| failed(home, &error))?;
    Ok(outcome)
}

fn failed(home: &Path, error: &io::Error) -> Error {
    Error::Store(store::Error::Folder { folder: home.to_owned(), reason: error.to_string() })
}

/// Refuses a folder that holds anything but an unfinished restore.
fn refuse_used(home: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(home) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(home, &error)),
    };
    if home.join(MARKER).exists() {
        return Ok(());
    }
    match entries.flatten().find(|entry| entry.file_name() != FOREIGN) {
        None => Ok(()),
        Some(entry) => {
            let message = format!(
                "`{}` is not empty (there is `{}`); a restore goes into an empty folder, so choose one with --home",
                home.display(),
                entry.file_name().to_string_lossy()
            );
            Err(Error::new(Code::RestoreNotEmpty, message))
        }
    }
}

/// The mark of a restore under way.
struct Marked(PathBuf);

impl Marked {
    fn lift(self) -> io::Result<()> {
        fs::remove_file(self.0.join(MARKER))?;
        File::open(&self.0)?.sync_all()
    }
}

/// Makes the folder, marks it, and takes away what an unfinished restore has left.
fn clear(home: &Path) -> io::Result<Marked> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(home)?;
    fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let marker = File::options().write(true).create(true).truncate(false).mode(0o600).open(home.join(MARKER))?;
    marker.sync_all()?;
    for entry in fs::read_dir(home)?.flatten() {
        if entry.file_name() == MARKER || entry.file_name() == FOREIGN {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    File::open(home)?.sync_all()?;
    Ok(Marked(home.to_owned()))
}

/// Writes the rows and the files.
async fn write_all(series: Arc<Series>, verified: &Verified, home: &Path) -> Result<(), Error> {
    let mut rebuild = Rebuild::begin(home, &verified.manifest.migrations).await?;
    let (pieces, mut coming) = mpsc::channel::<Piece>(WAITING_MAX);
    let mut files = Files::new(home, &verified.index)?;
    let mut wanted: HashSet<Digest> = verified.index.pieces().collect();
    let reading = tokio::task::spawn_blocking(move || {
        series.walk(|path, frame| {
            let digest = frame.digest();
            if !wanted.remove(&digest) {
                return Ok(());
            }
            match frame {
                Frame::Rows(bytes) => {
                    let piece = Piece::from_bytes(&bytes).map_err(|error| damaged(path, error))?;
                    // When nobody takes it any more, the database has failed, which is told there.
                    drop(pieces.blocking_send(piece));
                    Ok(())
                }
                Frame::File(bytes) => files.put(digest, &bytes),
            }
        })?;
        files.finish()
    });
    while let Some(piece) = coming.recv().await {
        rebuild.put(piece).await?;
    }
    reading.await.map_err(|_| broken_off())??;
    Ok(rebuild.finish().await?)
}

fn broken_off() -> Error {
    Error::new(Code::ServerFailed, "reading the backup broke off")
}

/// Opens what was written, pauses everything, and looks through the record once more.
async fn bring_up(restore: &Restore<'_>, verified: Verified, env: &Env) -> Result<Outcome, Error> {
    let home = restore.home;
    let source = match verified.manifest.recipe {
        Some(_) => restore.master_key.clone(),
        None => MasterKeySource::key_file(home),
    };
    let vault = Vault::open(home, &source)?;
    let keys = Keys::of(&vault);
    let anchor = Anchor::sign(
        vault.subkey(Purpose::AnchorSigning).as_bytes(),
        verified.manifest.position,
        verified.manifest.chain,
        env.now(),
    );
    anchor.write(&store::anchor_file(home)).map_err(|error| failed(home, &error))?;
    let store = Store::open(home, env.clone(), keys).await?;
    let restored = Restored {
        backup: verified.manifest.id.clone(),
        taken_at: verified.manifest.at,
        position: verified.manifest.position,
    };
    let after = store.restored(restored).await?;
    store.anchor().await?;
    let audit = store.audit(|_| {}).await?;
    store.close().await;
    if let Some(finding) = audit.findings.first() {
        return Err(damaged(home, format!("the restored record is not sound: {finding}")));
    }
    Ok(Outcome { manifest: verified.manifest, rows: verified.rows, files: verified.files, after })
}

/// The files of a restore, each written part by part, in whatever order the parts come.
struct Files {
    files: Vec<File>,
    folders: HashSet<PathBuf>,
    /// Which part of which file a piece is.
    places: HashMap<Digest, Vec<(usize, u64)>>,
}

impl Files {
    fn new(home: &Path, index: &Index) -> Result<Self, Error> {
        let mut all = Self { files: Vec::new(), folders: HashSet::new(), places: HashMap::new() };
        let mut paths = BTreeMap::new();
        for (name, file) in &index.files {
            let path = Path::new(name);
            let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
            if !plain || name.is_empty() || name == MARKER {
                return Err(damaged(home, format!("`{name}` is no path of a file")));
            }
            paths.insert(path, file);
        }
        for (number, (path, file)) in paths.into_iter().enumerate() {
            let to = home.join(path);
            let folder = to.parent().unwrap_or(home).to_owned();
            let mut builder = fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(&folder).map_err(|error| failed(&folder, &error))?;
            all.folders.insert(folder);
            let made = File::options().write(true).create_new(true).mode(0o600).open(&to);
            let made = made.and_then(|made| made.set_len(file.bytes).map(|()| made));
            all.files.push(made.map_err(|error| failed(&to, &error))?);
            for (part, digest) in file.pieces.iter().enumerate() {
                all.places.entry(*digest).or_default().push((number, part as u64 * FILE_BYTES as u64));
            }
        }
        Ok(all)
    }

    fn put(&mut self, digest: Digest, bytes: &[u8]) -> Result<(), Error> {
        for (file, offset) in self.places.get(&digest).into_iter().flatten() {
            let written = self.files[*file].write_all_at(bytes, *offset);
            written.map_err(|error| failed(Path::new("a file"), &error))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        for file in &self.files {
            file.sync_all().map_err(|error| failed(Path::new("a file"), &error))?;
        }
        for folder in &self.folders {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(folder, &error))?;
        }
        Ok(())
    }
}
