//! The head of all events, signed and kept outside the database, so that a cut tail does not go unseen.

use std::path::Path;

use intents::Timestamp;
use intents::canonical::Digest;
use serde::{Deserialize, Serialize};

use super::Error;
use super::folder::{private, sync_folder};

/// A signed statement: up to this position, the events had this chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The format.
    version: u32,
    /// The position of the last event.
    pub position: i64,
    /// The chain over all events up to it.
    pub chain: Digest,
    /// When it was signed.
    pub at: Timestamp,
    /// The keyed digest of the rest.
    signature: Digest,
}

/// Where the anchor is kept, beside the database.
pub(super) const ANCHOR_FILE: &str = "anchor.json";
/// Where an anchor is kept that the events did not fit, until somebody has looked into it.
pub(super) const SUSPECT_FILE: &str = "anchor.suspect.json";

/// Where the anchor of a data folder is.
pub fn anchor_file(folder: &Path) -> std::path::PathBuf {
    folder.join(ANCHOR_FILE)
}

const VERSION: u32 = 1;
/// An anchor is some hundred bytes; a longer file is none.
const BYTES_MAX: u64 = 4096;

fn signature(key: &[u8; 32], position: i64, chain: Digest, at: Timestamp) -> Digest {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(b"steward anchor 1");
    hasher.update(&position.to_be_bytes());
    hasher.update(chain.as_bytes());
    hasher.update(&at.as_millis().to_be_bytes());
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

impl Anchor {
    /// Signs a head.
    pub fn sign(key: &[u8; 32], position: i64, chain: Digest, at: Timestamp) -> Self {
        Self { version: VERSION, position, chain, at, signature: signature(key, position, chain, at) }
    }

    /// Whether it was signed with this key, and not changed since.
    pub fn is_genuine(&self, key: &[u8; 32]) -> bool {
        // Digests compare in constant time only by chance; an attacker with the file can do no online guessing.
        self.version == VERSION && self.signature == signature(key, self.position, self.chain, self.at)
    }

    /// Reads an anchor; none when there is no file.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let unreadable = |reason: String| Error::unreadable("anchor", reason);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() > BYTES_MAX => Err(unreadable("the file is too long".to_owned())),
            Ok(_) => {
                let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
                serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(error.to_string()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    /// Replaces the file by this anchor, durably.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        use std::io::Write;
        let fresh = path.with_extension("new");
        let mut file = private().create(true).truncate(true).open(&fresh)?;
        file.write_all(&serde_json::to_vec(self).expect("an anchor is plain data"))?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        sync_folder(path.parent().unwrap_or(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_that_was_changed_is_not_genuine() {
        let anchor = Anchor::sign(&[7; 32], 5, Digest::of(b"x"), Timestamp::from_millis(9));
        assert!(anchor.is_genuine(&[7; 32]) && !anchor.is_genuine(&[8; 32]));
        assert!(!Anchor { position: 4, ..anchor.clone() }.is_genuine(&[7; 32]));
        assert!(!Anchor { chain: Digest::of(b"y"), ..anchor }.is_genuine(&[7; 32]));
    }
}
