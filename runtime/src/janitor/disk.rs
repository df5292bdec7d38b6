//! How much room the disk has.

use std::path::Path;

use intents::need::Kind;
use serde_json::json;

use crate::store::NewNeed;

/// One disk, one need.
pub(super) const DISK_KEY: &str = "disk";
/// Below this the person is asked: twice the store's reserve, so that there is time to act before the disk is full.
pub(super) const LOW_BYTES: u64 = 2 * 16 * 1024 * 1024;
/// The need is withdrawn only above this, so that it does not come and go with every file.
pub(super) const ENOUGH_BYTES: u64 = 2 * LOW_BYTES;

/// What the free room means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The person is to make room.
    Low,
    /// Neither: what was asked stays asked.
    Between,
    /// All is well.
    Enough,
}

/// Judges the free room.
pub(super) const fn judge(free_bytes: u64) -> Room {
    if free_bytes < LOW_BYTES {
        Room::Low
    } else if free_bytes < ENOUGH_BYTES {
        Room::Between
    } else {
        Room::Enough
    }
}

/// What is free for us on the disk that holds a folder.
pub(super) fn free_bytes(folder: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Tells the person.
pub(super) fn need(folder: &Path, free_bytes: u64) -> NewNeed {
    NewNeed {
        kind: Kind::Internal,
        dedupe_key: DISK_KEY.to_owned(),
        automation: None,
        run: None,
        call: None,
        effect: None,
        title: "The disk is almost full; free some space, or runs will wait".to_owned(),
        evidence: json!({ "folder": folder.to_string_lossy(), "free_bytes": free_bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_does_not_come_and_go_with_every_file() {
        assert_eq!(judge(LOW_BYTES - 1), Room::Low);
        assert_eq!(judge(LOW_BYTES), Room::Between);
        assert_eq!(judge(ENOUGH_BYTES - 1), Room::Between);
        assert_eq!(judge(ENOUGH_BYTES), Room::Enough);
    }

    #[test]
    fn the_disk_of_a_folder_says_what_is_free() {
        assert!(free_bytes(&std::env::temp_dir()).is_ok());
        assert!(free_bytes(Path::new("/nowhere/at/all")).is_err());
    }
}
