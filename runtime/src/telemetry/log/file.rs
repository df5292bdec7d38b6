//! A log file that is put aside by size and by age, and of which so many are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use intents::Timestamp;

use crate::config;
use crate::env::Clock;
use crate::error::{Code, Error};

/// When a file is put aside, and how many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file of this size is put aside.
    pub bytes_max: u64,
    /// So is one of this age.
    pub age_max: Duration,
    /// Files put aside beyond this number are removed.
    pub kept_max: usize,
}

impl Rotation {
    pub(super) fn of(settings: &config::Log) -> Self {
        Self {
            bytes_max: u64::from(settings.file_mib.get()) << 20,
            age_max: Duration::from_secs(u64::from(settings.file_hours.get()) * 3600),
            kept_max: usize::from(settings.files_kept),
        }
    }
}

/// A log file. A line that cannot be written is counted, and nobody waits for it.
pub struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    clock: Arc<dyn Clock>,
    open: Mutex<Open>,
    lost: AtomicU64,
}

struct Open {
    file: File,
    bytes: u64,
    began: Timestamp,
}

impl std::fmt::Debug for LogFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl LogFile {
    /// Opens a log file, or goes on with the one that is there.
    pub fn open(path: &Path, rotation: Rotation, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let open = Open::at(path, clock.now()).map_err(|error| unreadable(path, &error))?;
        Ok(Self { path: path.to_owned(), rotation, clock, open: Mutex::new(open), lost: AtomicU64::new(0) })
    }

    /// Writes a line with its end.
    pub fn write(&self, line: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let is_full = open.bytes > 0 && open.bytes + line.len() as u64 > self.rotation.bytes_max;
        if is_full || now.since(open.began) >= self.rotation.age_max {
            match self.put_aside(now) {
                Ok(fresh) => *open = fresh,
                // A file that cannot be put aside grows on: a log that is too long is better than none. It is tried
                // again only when as much has come once more.
                Err(_) => (open.bytes, open.began) = (0, now),
            }
        }
        match open.file.write_all(line.as_bytes()) {
            Ok(()) => open.bytes += line.len() as u64,
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Opens the file anew: somebody may have moved it away.
    pub fn reopen(&self) -> Result<(), Error> {
        let fresh = Open::at(&self.path, self.clock.now()).map_err(|error| unreadable(&self.path, &error))?;
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Lines that could not be written.
    pub fn lines_lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn put_aside(&self, now: Timestamp) -> io::Result<Open> {
        fs::rename(&self.path, self.free_name(now))?;
        self.remove_old();
        Open::at(&self.path, now)
    }

    /// `steward.log` becomes `steward-20260101T000000.log`; names sort by time.
    fn free_name(&self, now: Timestamp) -> PathBuf {
        let stamp: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).take(STAMP_CHARS).collect();
        let (stem, ending) = self.name_parts();
        let name = |number: u32| self.path.with_file_name(format!("{stem}-{stamp}-{number:03}{ending}"));
        let free = (0..NAMES_MAX).map(name).find(|path| !path.exists());
        free.unwrap_or_else(|| name(NAMES_MAX))
    }

    fn name_parts(&self) -> (String, String) {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let ending = self.path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
        (stem, ending)
    }

    /// Removes the oldest files beyond those that are kept. What cannot be removed is tried again the next time.
    fn remove_old(&self) {
        let (stem, ending) = self.name_parts();
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(entries) = fs::read_dir(folder) else { return };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let is_ours = |name: &String| {
            let middle = name.strip_prefix(&format!("{stem}-")).and_then(|rest| rest.strip_suffix(&ending));
            middle.is_some_and(is_stamp)
        };
        let mut aside: Vec<String> = names.filter(is_ours).collect();
        aside.sort();
        for name in &aside[..aside.len().saturating_sub(self.rotation.kept_max)] {
            drop(fs::remove_file(folder.join(name)));
        }
    }
}

/// `20260101T000000`.
const STAMP_CHARS: usize = 15;
/// Files that are put aside in one second have numbers; at more than this the last one is written over.
const NAMES_MAX: u32 = 999;

/// Whether a part of a name is one of ours, so that no other file is ever removed.
fn is_stamp(text: &str) -> bool {
    let Some((stamp, number)) = text.split_once('-') else { return false };
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let time = stamp.split_once('T').is_some_and(|(day, time)| digits(day) && digits(time));
    stamp.len() == STAMP_CHARS && time && number.len() == 3 && digits(number)
}

impl Open {
    fn at(path: &Path, now: Timestamp) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        // What happens in a household is nobody else's business.
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let metadata = file.metadata()?;
        // A file that was here before is as old as it is.
        let made = metadata.created().ok().and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
        let made = made.and_then(|made| i64::try_from(made.as_millis()).ok()).map(Timestamp::from_millis);
        let began = if metadata.len() > 0 { made.unwrap_or(now).min(now) } else { now };
        Ok(Self { file, bytes: metadata.len(), began })
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let message = format!("the log file `{}` cannot be written: {error}; choose another `log.file`", path.display());
    Error::new(Code::FileUnreadable, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::simulated::{VirtualClock, time};

    const RULE: Rotation = Rotation { bytes_max: 100, age_max: Duration::from_secs(3600), kept_max: 3 };

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_put_aside_by_size_and_age_and_so_many_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::at(time("2026-01-01T00:00:00Z"));
        let path = folder.path().join("logs/steward.log");
        fs::create_dir(folder.path().join("logs")).unwrap();
        let foreign = folder.path().join("logs/steward-mine.log");
        fs::write(&foreign, "mine").unwrap();
        let log = LogFile::open(&path, RULE, clock.clone()).unwrap();
        let line = format!("{}\n", "x".repeat(39));
        for _ in 0..2 {
            log.write(&line);
        }
        assert_eq!(names(path.parent().unwrap()), ["steward-mine.log", "steward.log"]);
        log.write(&line);
        clock.advance(Duration::from_secs(3600));
        log.write(&line);
        let aside =
            ["steward-20260101T000000-000.log", "steward-20260101T010000-000.log", "steward-mine.log", "steward.log"];
        assert_eq!(names(path.parent().unwrap()), aside);
        for _ in 0..10 {
            log.write(&line);
        }
        let kept = names(path.parent().unwrap());
        assert_eq!(kept.len(), 5, "{kept:?}");
        assert!(kept[0].starts_with("steward-20260101T010000") && foreign.exists(), "{kept:?}");
        assert_eq!(log.lines_lost(), 0);
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew_when_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::at(time("2026-01-01T00:00:00Z"));
        let path = folder.path().join("steward.log");
        let log = LogFile::open(&path, RULE, clock).unwrap();
        log.write("one\n");
        fs::rename(&path, folder.path().join("moved")).unwrap();
        log.write("two\n");
        log.reopen().unwrap();
        log.write("three\n");
        assert_eq!(fs::read_to_string(folder.path().join("moved")).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_log_that_cannot_be_put_aside_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::at(time("2026-01-01T00:00:00Z"));
        let path = folder.path().join("steward.log");
        let log = LogFile::open(&path, RULE, clock).unwrap();
        fs::remove_file(&path).unwrap();
        for _ in 0..10 {
            log.write(&format!("{}\n", "x".repeat(39)));
        }
        assert_eq!(log.lines_lost(), 0);
    }
}
