//! The folders that the user granted.

use std::path::{Path, PathBuf};

use crate::store::Setting;

/// The names of the settings that grant folders begin so.
const PREFIX: &str = "folders.";

/// The folder of a name, if it is granted.
pub(super) fn granted(settings: &[Setting], name: &str) -> Option<PathBuf> {
    let setting = settings.iter().find(|setting| setting.name.strip_prefix(PREFIX) == Some(name))?;
    let path = setting.value.get("path")?.as_str()?;
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}

/// What tells a folder from another that takes its place.
pub(super) type Identity = (u64, u64);

/// A folder that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root {
    /// Its path without links, as notifications name it.
    pub(super) path: PathBuf,
    /// Which one it is.
    pub(super) identity: Identity,
}

/// Finds a folder. Blocking.
pub(super) fn open(path: &Path) -> std::io::Result<Root> {
    let path = std::fs::canonicalize(path)?;
    let metadata = std::fs::metadata(&path)?;
    if !metadata.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    Ok(Root { path, identity: identity(&metadata) })
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> Identity {
    (0, 0)
}
