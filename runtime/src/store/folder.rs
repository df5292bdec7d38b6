//! The data folder: private, durable, and held by one server at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use tokio::sync::watch;

use super::Error;

/// The folder, held as long as anything can still be written: dropped, it is free for another server.
#[derive(Debug)]
pub(super) struct Hold {
    /// None when another server has it, too.
    lock: Option<File>,
    end: watch::Sender<()>,
}

impl Hold {
    /// Takes the folder, making it at the first start.
    pub(super) fn take(folder: &Path) -> Result<(Self, watch::Receiver<()>), Error> {
        make(folder)?;
        Ok(Self::over(Some(lock(folder)?)))
    }

    /// Takes a folder that several servers may have: which of them is active is not said here.
    pub(super) fn share(folder: &Path) -> Result<(Self, watch::Receiver<()>), Error> {
        make(folder)?;
        match lock(folder) {
            Ok(lock) => Ok(Self::over(Some(lock))),
            Err(Error::Locked { .. }) => Ok(Self::over(None)),
            Err(error) => Err(error),
        }
    }

    fn over(lock: Option<File>) -> (Self, watch::Receiver<()>) {
        let (end, ended) = watch::channel(());
        (Self { lock, end }, ended)
    }

    /// The same for two servers only if they cannot both live: it is the lock that one of them would not get. A folder
    /// that was copied, or is on another machine, is another place.
    pub(super) fn place(&self, chance: u128) -> String {
        let unlike_any = || format!("once:{chance:032x}");
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let file = self.lock.as_ref().and_then(|lock| lock.metadata().ok());
        let (Ok(boot), Some(file)) = (boot, file) else { return unlike_any() };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let boot: String = boot.chars().filter(char::is_ascii_alphanumeric).collect();
            format!("{boot}:{}:{}", file.dev(), file.ino())
        }
        #[cfg(not(unix))]
        unlike_any()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // First free, then said so. Should it fail, the lock goes with the file in a moment.
        if let Some(lock) = &self.lock {
            drop(lock.unlock());
        }
        self.end.send_replace(());
    }
}

pub(super) fn make(folder: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Folder { folder: folder.to_owned(), reason: error.to_string() };
    let missing: Vec<_> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)?;
    // Nothing in a folder outlasts a loss of power unless the folder itself does.
    missing.iter().try_for_each(|made| sync_folder(made.parent().unwrap_or(made))).map_err(failed)
}

/// Makes the entries of a folder outlast a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// How a file is opened for writing that, if it is made, is made for its owner alone.
pub(super) fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes the folder for this process. The lock goes with the process, however it ends.
fn lock(folder: &Path) -> Result<File, Error> {
    let failed = |error: std::io::Error| Error::Folder { folder: folder.to_owned(), reason: error.to_string() };
    let path = folder.join("steward.lock");
    let mut file = private().read(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            write!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            drop(file.read_to_string(&mut holder));
            Err(Error::Locked { folder: folder.to_owned(), holder })
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes the database file for its owner alone; SQLite gives its log the same mode.
pub(super) fn make_private(file: &Path) -> Result<(), Error> {
    match private().create_new(true).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::Folder { folder: file.to_owned(), reason: error.to_string() }),
    }
}
