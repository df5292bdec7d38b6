//! Files that are named by the digest of what is in them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use intents::Timestamp;
use intents::canonical::Digest;

use super::Error;
use super::folder::{private, sync_folder};

/// The folder in the data folder.
const FOLDER: &str = "artifacts";
/// A file that no row knows is left alone for so long: its row may be on its way.
const SETTLED_AFTER: Duration = Duration::from_secs(3600);
/// Files that are looked at in one sweep.
const LOOK_MAX: usize = 10_000;

/// The files of a data folder.
#[derive(Debug, Clone)]
pub(super) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    pub(super) fn of(home: &Path) -> Self {
        Self { folder: home.join(FOLDER) }
    }

    /// Writes a file; when this returns, it outlasts a loss of power.
    pub(super) async fn write(&self, address: Digest, bytes: Vec<u8>) -> Result<(), Error> {
        self.work(move |blobs| {
            let path = blobs.path(address);
            let folder = path.parent().unwrap_or(&blobs.folder).to_owned();
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            let fresh = !folder.exists();
            builder.create(&folder)?;
            let draft = path.with_extension("draft");
            let mut file = private().create(true).truncate(true).open(&draft)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            sync_folder(&folder)?;
            if fresh { sync_folder(&blobs.folder).and_then(|()| sync_folder(blobs.home())) } else { Ok(()) }
        })
        .await
    }

    /// Reads a file whose content is still that of its name.
    pub(super) async fn read(&self, address: Digest) -> Result<Vec<u8>, Error> {
        let bytes = self.work(move |blobs| fs::read(blobs.path(address))).await?;
        if Digest::of(&bytes) == address { Ok(bytes) } else { Err(Error::Sealed { what: "artifact" }) }
    }

    /// Removes a file. One that is gone already is no matter.
    pub(super) async fn remove(&self, address: Digest) -> Result<(), Error> {
        self.work(move |blobs| match fs::remove_file(blobs.path(address)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        })
        .await
    }

    /// Files that have been there for a while. Drafts of that age, which a crash left, are removed.
    pub(super) async fn old(&self, now: Timestamp) -> Result<Vec<Digest>, Error> {
        self.work(move |blobs| {
            let mut found = Vec::new();
            for folder in entries(&blobs.folder)? {
                for path in entries(&folder)? {
                    let written = fs::metadata(&path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                    let written = Timestamp::from_millis(i64::try_from(written.as_millis()).unwrap_or(i64::MAX));
                    if written + SETTLED_AFTER > now || found.len() >= LOOK_MAX {
                        continue;
                    }
                    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                    match name.parse() {
                        Ok(address) => found.push(address),
                        Err(_) if name.ends_with(".draft") => fs::remove_file(&path)?,
                        Err(_) => {}
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    fn path(&self, address: Digest) -> PathBuf {
        let name = address.to_string();
        self.folder.join(&name[..2]).join(name)
    }

    fn home(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let blobs = self.clone();
        let folder = self.folder.clone();
        let done = tokio::task::spawn_blocking(move || work(&blobs)).await.map_err(|_| Error::Closed)?;
        done.map_err(|error| {
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                Error::Full
            } else {
                Error::Folder { folder, reason: error.to_string() }
            }
        })
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
