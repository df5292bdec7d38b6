//! The digest of a file's content, read piece by piece. Blocking.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::walk::{Found, modified};

/// Longer files are no documents; reading one would keep the disk busy for long.
const BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Read at once: what a 200 MB file costs in memory.
const PIECE: usize = 256 * 1024;

/// What reading a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// Its digest, in hex.
    Digest(String),
    /// It changed while it was read, or was gone.
    Changed,
    /// It cannot be taken, for this reason.
    Refused(String),
}

/// Digests a file as it was found.
pub(super) fn digest(root: &Path, found: &Found) -> Reading {
    if found.size > BYTES_MAX {
        return Reading::Refused(format!("it has more than {} GiB", BYTES_MAX >> 30));
    }
    match read(root, found) {
        Ok(Some(digest)) => Reading::Digest(digest),
        Ok(None) => Reading::Changed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Reading::Changed,
        Err(error) => Reading::Refused(error.to_string()),
    }
}

fn read(root: &Path, found: &Found) -> std::io::Result<Option<String>> {
    let mut file = open(&root.join(&found.path))?;
    let is_as_found = |file: &File| {
        let metadata = file.metadata()?;
        Ok::<_, std::io::Error>(
            metadata.is_file() && metadata.len() == found.size && modified(&metadata) == found.modified,
        )
    };
    if !is_as_found(&file)? {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    // One byte more than it has: what grows while it is read is read for ever otherwise.
    let mut rest = found.size + 1;
    while rest > 0 {
        let most = usize::try_from(rest).unwrap_or(PIECE).min(PIECE);
        match file.read(&mut piece[..most]) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&piece[..read]);
                rest -= read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((rest == 1 && is_as_found(&file)?).then(|| hasher.finalize().to_hex().to_string()))
}

/// Opens a file, but neither a link in its place nor a pipe that would keep us waiting.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::walk::walk;
    use super::*;

    fn find(root: &Path) -> Found {
        walk(root, &"*".parse().unwrap()).unwrap().found.remove(0)
    }

    #[test]
    fn a_file_is_digested_as_it_was_found_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let content: Vec<u8> = (0..PIECE * 2 + 7).map(|byte| (byte % 251) as u8).collect();
        fs::write(&path, &content).unwrap();
        let found = find(folder.path());
        let expected = blake3::hash(&content).to_hex().to_string();
        assert_eq!(digest(folder.path(), &found), Reading::Digest(expected));
        fs::write(&path, "shorter").unwrap();
        assert_eq!(digest(folder.path(), &found), Reading::Changed);
        fs::remove_file(&path).unwrap();
        assert_eq!(digest(folder.path(), &found), Reading::Changed);
        let huge = Found { size: BYTES_MAX + 1, ..found };
        assert!(matches!(digest(folder.path(), &huge), Reading::Refused(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "x").unwrap();
        let found = find(folder.path());
        fs::rename(folder.path().join("a"), folder.path().join(".b")).unwrap();
        std::os::unix::fs::symlink(".b", folder.path().join("a")).unwrap();
        assert!(matches!(digest(folder.path(), &found), Reading::Refused(_)));
    }
}
