//! The outbox: a folder of `.eml` files, one for each mail.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use intents::canonical::Digest;

/// Where the mail of an effect is. The name comes from its identity, so it can be there only once.
pub(super) fn path(folder: &Path, identity: Digest) -> PathBuf {
    folder.join(format!("{identity}.eml"))
}

/// Puts a mail into the outbox, unless it is there.
pub(super) fn put(folder: &Path, identity: Digest, bytes: &[u8]) -> io::Result<()> {
    // Mail is nobody else's business.
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let target = path(folder, identity);
    if target.try_exists()? {
        return File::open(folder)?.sync_all();
    }
    let temporary = folder.join(format!(".{identity}.tmp"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, &target)?;
    File::open(folder)?.sync_all()
}
