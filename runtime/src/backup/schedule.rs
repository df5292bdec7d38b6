//! Backups that are taken by themselves, and how many of them are kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::vault::Vault;
use intents::Timestamp;

use super::manifest::Manifest;
use super::series::manifest_at;
use super::take::{Taken, take};
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};

/// Backups that are based on each other; then comes a whole one again. A restore reads them all, and one that is
/// damaged takes those behind it with it.
const SERIES_MAX: usize = 7;

/// When backups are taken, and where they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where they are kept.
    pub folder: PathBuf,
    /// How long after one the next is taken.
    pub every: Duration,
    /// How many are kept.
    pub keep: usize,
}

/// A backup in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub file: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
    /// Its length.
    pub bytes: u64,
}

/// The backups in a folder, oldest first. What is none is passed over.
pub fn kept(folder: &Path) -> Result<Vec<Kept>, Error> {
    let unreadable =
        |error: std::io::Error| Error::new(Code::BackupUnreadable, format!("`{}`: {error}", folder.display()));
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)?.flatten() {
        let file = entry.path();
        let bytes = entry.metadata().map(|metadata| metadata.len()).unwrap_or(0);
        if file.extension().is_some_and(|ending| ending == "backup")
            && let Ok(manifest) = manifest_at(&file)
        {
            all.push(Kept { file, manifest, bytes });
        }
    }
    all.sort_by(|one, other| (one.manifest.at, &one.manifest.id).cmp(&(other.manifest.at, &other.manifest.id)));
    Ok(all)
}

/// When the next backup is due: at once, where there is none, or where the last one is from the future.
pub fn due(kept: &[Kept], every: Duration, now: Timestamp) -> Timestamp {
    match kept.last() {
        Some(last) if last.manifest.at <= now => last.manifest.at + every,
        Some(_) | None => now,
    }
}

/// What the next backup is based on: the last one, unless the series is long enough.
pub fn next(kept: &[Kept]) -> Option<&Kept> {
    let last = kept.last()?;
    let series = series_of(kept, &last.manifest.id);
    // One whose base is gone is no ground to build on.
    let whole = series.last().is_some_and(|first| first.manifest.base.is_none());
    (whole && series.len() < SERIES_MAX).then_some(last)
}

/// A backup and those that it is based on, newest first.
fn series_of<'k>(kept: &'k [Kept], id: &str) -> Vec<&'k Kept> {
    let mut series = Vec::new();
    let mut wanted = Some(id.to_owned());
    while let Some(found) = wanted.and_then(|id| kept.iter().find(|kept| kept.manifest.id == id)) {
        wanted = found.manifest.base.clone();
        series.push(found);
        if series.len() > kept.len() {
            break;
        }
    }
    series
}

/// Which backups may go: neither among the newest, nor needed by one of them.
fn outdated(kept: &[Kept], keep: usize) -> Vec<&Kept> {
    let newest = kept.iter().rev().take(keep.max(1));
    let needed: BTreeSet<&str> = newest
        .flat_map(|newest| series_of(kept, &newest.manifest.id))
        .map(|needed| needed.manifest.id.as_str())
        .collect();
    kept.iter().filter(|kept| !needed.contains(kept.manifest.id.as_str())).collect()
}

/// Takes the next backup of a plan, and removes those that are not kept any more.
pub async fn scheduled(config: &Config, vault: &Vault, env: &Env, plan: &Plan) -> Result<Taken, Error> {
    make_private(&plan.folder)?;
    super::remove_leftovers(&plan.folder);
    let before = kept(&plan.folder)?;
    let base = next(&before).map(|kept| kept.file.clone());
    let taken = match take(config, vault, env, &plan.folder, base.as_deref()).await {
        // A base that does not open any more, or was locked with another key, is left alone, and a whole one is taken.
        Err(error) if base.is_some() && is_about_base(&error) => take(config, vault, env, &plan.folder, None).await?,
        taken => taken?,
    };
    for outdated in outdated(&kept(&plan.folder)?, plan.keep) {
        if let Err(error) = fs::remove_file(&outdated.file) {
            tracing::warn!(file = %outdated.file.display(), %error, "an old backup could not be removed");
        }
    }
    Ok(taken)
}

fn is_about_base(error: &Error) -> bool {
    let codes = [Code::BackupUnreadable, Code::BackupKey, Code::BackupDamaged, Code::BackupNewer];
    codes.iter().any(|code| error.code() == code.as_str())
}

fn make_private(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|error| {
        Error::new(Code::BackupFailed, format!("the folder `{}` could not be made: {error}", folder.display()))
    })
}

#[cfg(test)]
mod tests {
    use intents::canonical::Digest;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn backup(day: u64, base: Option<u64>) -> Kept {
        let manifest = Manifest {
            id: format!("day {day}"),
            base: base.map(|day| format!("day {day}")),
            at: Timestamp::EPOCH + DAY * u32::try_from(day).unwrap(),
            steward: "1".to_owned(),
            database: "sqlite".to_owned(),
            migrations: Vec::new(),
            position: 0,
            chain: Digest::of(b""),
            archived: 0,
            archived_chain: Digest::of(b""),
            recipe: None,
        };
        Kept { file: PathBuf::from(format!("{day}.backup")), manifest, bytes: 1 }
    }

    #[test]
    fn after_a_week_a_whole_backup_comes_and_what_a_kept_one_needs_is_kept() {
        let mut kept: Vec<Kept> = Vec::new();
        for day in 0..30 {
            let base = next(&kept).map(|base| base.manifest.at.since(Timestamp::EPOCH).as_secs() / DAY.as_secs());
            assert_eq!(base.is_none(), day % SERIES_MAX as u64 == 0, "day {day}");
            kept.push(backup(day, base));
            let gone: Vec<_> = outdated(&kept, 5).iter().map(|gone| gone.manifest.id.clone()).collect();
            kept.retain(|kept| !gone.contains(&kept.manifest.id));
            for newest in kept.iter().rev().take(5) {
                let series = series_of(&kept, &newest.manifest.id);
                assert!(series.last().unwrap().manifest.base.is_none(), "day {day}: a kept backup is without its base");
            }
            assert!(kept.len() < 5 + SERIES_MAX, "day {day}: {} are kept", kept.len());
        }
    }

    #[test]
    fn a_backup_is_due_when_there_is_none_and_when_the_clock_went_back() {
        let now = Timestamp::EPOCH + DAY * 10;
        assert_eq!(due(&[], DAY, now), now);
        assert_eq!(due(&[backup(9, None)], DAY, now), now);
        assert_eq!(due(&[backup(10, None)], DAY, now), now + DAY);
        assert_eq!(due(&[backup(400, None)], DAY, now), now);
        // One whose base was taken away is no ground for another.
        assert_eq!(next(&[backup(9, Some(8))]), None);
    }
}
