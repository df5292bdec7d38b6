//! One look into a folder. Blocking.

use std::fs;
use std::path::Path;

use intents::Timestamp;
use intents::contract::Glob;

/// Entries that one look takes in; a folder with more is no drop folder.
const ENTRIES_MAX: usize = 200_000;
/// Folders in folders that are looked into.
const DEPTH_MAX: usize = 32;
/// Ends of names of files that are still in the making, in the words of browsers and copying tools.
const IN_THE_MAKING: [&str; 3] = [".part", ".crdownload", "~"];

/// A file that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its path below the folder, with `/` between its parts.
    pub(super) path: String,
    /// Its length in bytes.
    pub(super) size: u64,
    /// When it was changed.
    pub(super) modified: Timestamp,
}

/// A file that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refused {
    /// Its path, as well as it can be written.
    pub(super) path: String,
    /// Why, in plain words.
    pub(super) reason: String,
}

/// What a look saw.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The files that count, by path.
    pub(super) found: Vec<Found>,
    /// What could not be looked at.
    pub(super) refused: Vec<Refused>,
}

/// Whether a pattern reaches into folders of the folder.
pub(super) fn is_deep(glob: &Glob) -> bool {
    glob.as_str().contains('/') || glob.as_str().contains("**")
}

/// Looks into a folder. Fails only when the folder itself cannot be read.
pub(super) fn walk(root: &Path, glob: &Glob) -> std::io::Result<Seen> {
    let mut seen = Seen::default();
    let mut entries_left = ENTRIES_MAX;
    // Folders to look into, by their path below the root, with their depth.
    let mut folders = vec![(String::new(), 0)];
    while let Some((below, depth)) = folders.pop() {
        let entries = match fs::read_dir(root.join(&below)) {
            Ok(entries) => entries,
            Err(error) if below.is_empty() => return Err(error),
            // It went away between two looks.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                seen.refused.push(Refused { path: below, reason: error.to_string() });
                continue;
            }
        };
        for entry in entries {
            if entries_left == 0 {
                let reason = format!("the folder has more than {ENTRIES_MAX} entries; the others are not looked at");
                seen.refused.push(Refused { path: below, reason });
                return Ok(sorted(seen));
            }
            entries_left -= 1;
            let Ok(entry) = entry else { continue };
            match look(&entry, &below, glob) {
                Look::Ignored => {}
                Look::File(found) => seen.found.push(found),
                Look::Folder(path) if is_deep(glob) && depth < DEPTH_MAX => folders.push((path, depth + 1)),
                Look::Folder(_) => {}
                Look::Refused(refused) => seen.refused.push(refused),
            }
        }
    }
    Ok(sorted(seen))
}

fn sorted(mut seen: Seen) -> Seen {
    seen.found.sort_by(|a, b| a.path.cmp(&b.path));
    seen.refused.sort();
    seen
}

enum Look {
    Ignored,
    File(Found),
    Folder(String),
    Refused(Refused),
}

fn look(entry: &fs::DirEntry, below: &str, glob: &Glob) -> Look {
    // The kind of the entry itself: what a link points to is never looked at.
    let Ok(kind) = entry.file_type() else { return Look::Ignored };
    let name = entry.file_name();
    let joined = |name: &str| if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
    let Some(text) = name.to_str() else {
        let path = joined(&name.to_string_lossy());
        let counts = kind.is_file() && !is_in_the_making(&path) && glob.matches(&path);
        let reason = "its name is not valid Unicode; rename it".to_owned();
        return if counts { Look::Refused(Refused { path, reason }) } else { Look::Ignored };
    };
    let path = joined(text);
    if is_in_the_making(text) {
        return Look::Ignored;
    }
    if kind.is_dir() {
        return Look::Folder(path);
    }
    if !kind.is_file() || !glob.matches(&path) {
        return Look::Ignored;
    }
    match entry.metadata() {
        Ok(metadata) => Look::File(Found { path, size: metadata.len(), modified: modified(&metadata) }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Look::Ignored,
        Err(error) => Look::Refused(Refused { path, reason: error.to_string() }),
    }
}

fn is_in_the_making(name: &str) -> bool {
    name.starts_with('.') || IN_THE_MAKING.iter().any(|end| name.ends_with(end))
}

/// When a file was changed; the epoch where the system does not say.
pub(super) fn modified(metadata: &fs::Metadata) -> Timestamp {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(Timestamp::EPOCH, |since| Timestamp::EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(root: &Path, glob: &str) -> Vec<String> {
        walk(root, &glob.parse().unwrap()).unwrap().found.into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn only_plain_finished_files_that_match_count() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("sub/deep")).unwrap();
        fs::create_dir_all(root.join(".hidden")).unwrap();
        for name in [
            "b.csv",
            "a.csv",
            "a.txt",
            ".c.csv",
            "d.csv.part",
            "e.csv~",
            "sub/f.csv",
            "sub/deep/g.csv",
            ".hidden/h.csv",
        ] {
            fs::write(root.join(name), name).unwrap();
        }
        fs::create_dir(root.join("folder.csv")).unwrap();
        #[cfg(unix)]
        for (link, to) in [("link.csv", "/etc/hostname"), ("linked", "sub"), ("loop", ".")] {
            std::os::unix::fs::symlink(to, root.join(link)).unwrap();
        }
        assert_eq!(paths(root, "*.csv"), ["a.csv", "b.csv"]);
        assert_eq!(paths(root, "**/*.csv"), ["a.csv", "b.csv", "sub/deep/g.csv", "sub/f.csv"]);
        assert_eq!(paths(root, "sub/*.csv"), ["sub/f.csv"]);
        assert_eq!(paths(root, "*"), ["a.csv", "a.txt", "b.csv"]);
        assert!(walk(&root.join("gone"), &"*".parse().unwrap()).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_text_is_told_and_harms_nothing() {
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.csv")), "x").unwrap();
        fs::write(folder.path().join("good.csv"), "x").unwrap();
        let seen = walk(folder.path(), &"*.csv".parse().unwrap()).unwrap();
        assert_eq!((seen.found.len(), seen.refused.len()), (1, 1));
        assert_eq!(seen.refused[0].path, "caf\u{fffd}.csv");
    }
}
