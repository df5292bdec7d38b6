//! Files that only their owner can read, replaced as a whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use crate::{Code, Error};

/// Read and write for the owner, nothing for anybody else.
const PRIVATE: u32 = 0o600;
/// A larger file is no key and no vault: a thousand secrets of a kilobyte fit several times.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Its owner alone.
    Owner,
    /// Its group too: a service manager hands a secret over in a file of its own user, with a list of who else may read
    /// it, and such a list shows as the rights of the group.
    Group,
}

impl Readers {
    /// The rights that nobody may have.
    const fn forbidden(self) -> u32 {
        match self {
            Self::Owner => 0o077,
            Self::Group => 0o037,
        }
    }
}

/// Reads a file that must be private; `None` if there is none.
pub(super) fn read(path: &Path, what: &str, readers: Readers) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(what, error)),
    };
    let metadata = file.metadata().map_err(|error| unreadable(what, error))?;
    if !metadata.is_file() || metadata.len() > BYTES_MAX {
        return Err(Error::new(Code::VaultUnreadable, format!("the {what} is no plain file of a sensible size")));
    }
    if metadata.mode() & readers.forbidden() != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(Error::new(
            Code::VaultPermissions,
            format!("the {what} has mode {mode:03o}: others than its owner could read or change it; make it 600"),
        ));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|error| unreadable(what, error))?;
    Ok(Some(bytes))
}

/// Writes a private file so that after a crash either the old or the new one is there.
pub(super) fn replace(path: &Path, bytes: &[u8], what: &str) -> Result<(), Error> {
    let failed = |error| Error::new(Code::VaultNotWritten, format!("the {what} could not be written")).caused_by(error);
    write_through(path, bytes).map_err(failed)
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&temporary)?;
    // The process' umask may have taken bits away, never added any; the owner must be able to read it again.
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

/// Makes a folder that only its owner can enter, unless it is there.
pub(super) fn ensure_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        Error::new(Code::VaultNotWritten, "the folder of the vault could not be made").caused_by(error)
    })
}

fn unreadable(what: &str, error: io::Error) -> Error {
    Error::new(Code::VaultUnreadable, format!("the {what} could not be read")).caused_by(error)
}
