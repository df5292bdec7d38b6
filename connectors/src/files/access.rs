//! The way into a granted folder.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use intents::Timestamp;
use intents::canonical::Digest;
use rustix::fs::{Mode, OFlags, fsync, openat};
use rustix::io::Errno;
use serde_json::{Value, json};

use crate::{Call, Code, Error, Folder, Place, Trust};

/// Names that files of ours have while they are being written. Lists leave them out, and watchers should too.
pub const TEMPORARY_PREFIX: &str = ".steward-";

/// Longer paths are refused by most file systems anyway.
const PATH_BYTES_MAX: usize = 1024;
/// Deeper paths are mistakes.
const PATH_DEPTH_MAX: usize = 64;

/// What a call wants to do in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Read,
    Change,
}

/// Opens a granted folder.
pub(super) fn folder(call: &Call, name: &str, intent: Intent) -> Result<Dir, Error> {
    let shown: String = name.chars().take(64).collect();
    let folder: &Folder = call
        .grants
        .folders
        .iter()
        .find(|folder| folder.name == name)
        .ok_or_else(|| Error::new(Code::FolderUnknown, format!("no folder `{shown}` is granted")))?;
    match (intent, folder.trust) {
        (Intent::Change, Trust::ReadOnly) => {
            return Err(Error::new(Code::FolderReadOnly, format!("the folder `{shown}` is granted for reading only")));
        }
        (Intent::Read, Trust::Trusted | Trust::ReadOnly) | (Intent::Change, Trust::Trusted) => {}
    }
    Dir::open_ambient_dir(&folder.path, ambient_authority()).map_err(|error| {
        if error.kind() == io::ErrorKind::PermissionDenied {
            denied().caused_by(error)
        } else {
            Error::new(Code::FolderMissing, format!("the folder `{shown}` is not there")).caused_by(error)
        }
    })
}

/// A path inside a folder: relative, plain names only.
pub(super) fn path(text: &str) -> Result<PathBuf, Error> {
    let path = Path::new(text);
    if text.is_empty() || text.len() > PATH_BYTES_MAX || text.chars().any(char::is_control) {
        let message = format!("a path has 1 to {PATH_BYTES_MAX} bytes and no control characters");
        return Err(Error::new(Code::PathInvalid, message));
    }
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) if name.as_encoded_bytes().starts_with(TEMPORARY_PREFIX.as_bytes()) => {
                return Err(Error::new(
                    Code::PathInvalid,
                    format!("names that start with `{TEMPORARY_PREFIX}` are taken"),
                ));
            }
            Component::Normal(name) => clean.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Error::new(Code::PathOutside, "the path is absolute or holds `..`"));
            }
        }
    }
    let depth = clean.components().count();
    if depth == 0 || depth > PATH_DEPTH_MAX || text.ends_with('/') {
        return Err(Error::new(Code::PathInvalid, "the path does not name a file in the folder"));
    }
    Ok(clean)
}

/// A file as the arguments of a call name it; none when they name none.
pub(super) fn place(folder: &str, text: &str) -> Option<Place> {
    let path = path(text).ok()?;
    Some(Place { folder: folder.to_owned(), path: path.to_string_lossy().into_owned() })
}

/// The folder that a file is in, and the file's own name. Missing folders are made if `make` says so.
pub(super) fn parent(root: &Dir, path: &Path, make: bool) -> io::Result<(Dir, PathBuf)> {
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    let mut folder = root.try_clone()?;
    for step in path.parent().into_iter().flat_map(Path::iter) {
        folder = match folder.open_dir(step) {
            Err(error) if make && error.kind() == io::ErrorKind::NotFound => {
                match folder.create_dir(step) {
                    // Somebody else was quicker.
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    Ok(()) | Err(_) => {}
                }
                sync_folder(&folder)?;
                folder.open_dir(step)?
            }
            opened => opened?,
        };
    }
    Ok((folder, name))
}

/// Opens a plain file to be read. A pipe or device does not block us: it is told apart before anything is read.
pub(super) fn open(folder: &Dir, path: &Path) -> Result<(File, Metadata), Error> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = folder.open_with(path, &options).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(special()) }
}

/// Reads a plain file whole, if it is not too large.
pub(super) fn contents(folder: &Dir, path: &Path, bytes_max: u64) -> Result<(Vec<u8>, Metadata), Error> {
    let (file, metadata) = open(folder, path)?;
    let too_large = || Error::new(Code::FileTooLarge, format!("the file has more than {bytes_max} bytes"));
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may grow while we read.
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok((bytes, metadata)) }
}

/// The digest of a plain file of any size; `None` if there is no such file.
pub(super) fn digest(folder: &Dir, path: &Path) -> Result<Option<Digest>, Error> {
    match open(folder, path) {
        Ok((file, _)) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(file).map_err(failed)?;
            Ok(Some(Digest::from_bytes(*hasher.finalize().as_bytes())))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a name stands for, without following a last link; `None` if there is nothing.
pub(super) fn look(folder: &Dir, path: &Path) -> Result<Option<Metadata>, Error> {
    match folder.symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) => {
            let error = failed(error);
            if is_missing(&error) { Ok(None) } else { Err(error) }
        }
    }
}

/// Makes the entries of a folder durable.
pub(super) fn sync_folder(folder: &Dir) -> io::Result<()> {
    // The handle of a folder is good for paths only; one that can be synced has to be opened.
    let folder = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(fsync(folder)?)
}

/// When a file last changed in any way, its arrival under this name included.
pub(super) fn changed_at(metadata: &Metadata) -> Timestamp {
    Timestamp::from_millis(metadata.ctime().saturating_mul(1000).saturating_add(metadata.ctime_nsec() / 1_000_000))
}

/// When a file's content last changed.
pub(super) fn modified_at(metadata: &Metadata) -> Timestamp {
    Timestamp::from_millis(metadata.mtime().saturating_mul(1000).saturating_add(metadata.mtime_nsec() / 1_000_000))
}

/// The schema of a folder's name.
pub(super) fn folder_schema() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 64, "description": "The name of a granted folder." })
}

/// The schema of a path.
pub(super) fn path_schema() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": PATH_BYTES_MAX, "description": "Relative to the folder, parts separated by `/`." })
}

/// The schema of a digest.
pub(super) fn digest_schema() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{64}$", "description": "BLAKE3 of the content, in hexadecimal." })
}

/// Classifies what the operating system said.
pub(super) fn failed(error: io::Error) -> Error {
    let (code, message) = match Errno::from_io_error(&error) {
        // The file-system sandbox reports a way out as a denial that no system call made.
        None if error.kind() == io::ErrorKind::PermissionDenied => {
            (Code::PathOutside, "the path leads out of the folder")
        }
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            (Code::FileDenied, "the operating system denies access to the file")
        }
        Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => (Code::FileDiskFull, "there is no room for the file"),
        Some(Errno::NOTDIR | Errno::ISDIR | Errno::NAMETOOLONG | Errno::INVAL | Errno::LOOP) => {
            (Code::PathInvalid, "the path goes through a file or in a circle, or cannot be a name here")
        }
        // Opening a socket, or a device without a driver.
        Some(Errno::NXIO | Errno::NODEV) => return special(),
        Some(_) | None => (Code::FileFailed, "the file could not be read or written"),
    };
    Error::new(code, message).caused_by(error)
}

/// Whether an error says that there is nothing of this name.
pub(super) fn is_missing(error: &Error) -> bool {
    // A granted folder that is not there has a code of its own.
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    error.code() == Code::FileFailed && source.is_some_and(|source| source.kind() == io::ErrorKind::NotFound)
}

pub(super) fn special() -> Error {
    Error::new(Code::FileSpecial, "the path names something that is no plain file")
}

fn denied() -> Error {
    Error::new(Code::FileDenied, "the operating system denies access to the folder")
}

/// Runs file work where it may block, for no longer than the call may take.
pub(super) async fn blocking<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&Call) -> T + Send + 'static,
) -> Result<T, Error> {
    let own = call.clone();
    match tokio::time::timeout(call.deadline, tokio::task::spawn_blocking(move || work(&own))).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(Error::new(Code::ConnectorInternal, "file work panicked")),
        Err(_) => Err(Error::new(Code::FileFailed, "the file system did not answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_lead_out_or_nowhere_are_refused() {
        for (text, code) in [
            ("", Code::PathInvalid),
            (".", Code::PathInvalid),
            ("a/", Code::PathInvalid),
            ("a\0b", Code::PathInvalid),
            ("a\nb", Code::PathInvalid),
            (".steward-1", Code::PathInvalid),
            ("..", Code::PathOutside),
            ("../a", Code::PathOutside),
            ("a/../b", Code::PathOutside),
            ("a/..", Code::PathOutside),
            ("/etc/passwd", Code::PathOutside),
            ("//a", Code::PathOutside),
        ] {
            assert_eq!(path(text).unwrap_err().code(), code, "{text:?}");
        }
        assert_eq!(path("./a//b.csv").unwrap(), Path::new("a/b.csv"));
        assert_eq!(path("..a/b..").unwrap(), Path::new("..a/b.."));
    }

    proptest! {
        #[test]
        fn what_passes_has_plain_names_only(text in "[./a\\\\-]{0,20}") {
            if let Ok(path) = path(&text) {
                prop_assert!(path.components().all(|component| matches!(component, Component::Normal(_))));
            }
        }
    }
}
