//! Content that a person said yes to: what is done is done to these bytes, or not at all.

use std::path::Path;

use cap_std::fs::Dir;
use intents::approval::Content;
use intents::canonical::Digest;

use super::access::{self, Intent};
use crate::{Call, Code, Error};

/// The digest that a file must have, where a person was asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Approved(Option<Option<Digest>>);

impl Approved {
    /// What was approved about a file.
    pub(super) fn of(call: &Call, folder: &str, path: &Path) -> Self {
        let path = path.to_string_lossy();
        let content = call.approved.iter().flat_map(|contents| contents.iter());
        let same = |content: &&Content| content.folder == folder && content.path == path;
        // A call that was approved names each of its files.
        let unknown = call.approved.as_ref().map(|_| None);
        Self(content.into_iter().find(same).map(|content| content.digest).map(Some).unwrap_or(unknown))
    }

    /// Refuses to go on with another content.
    pub(super) fn check(self, folder: &Dir, path: &Path) -> Result<(), Error> {
        match self.0 {
            Some(expected) if access::digest(folder, path)? != expected => Err(changed()),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether there is anything to check.
    pub(super) fn is_asked(self) -> bool {
        self.0.is_some()
    }
}

/// The content of a file as it is now, to be shown and bound.
pub(super) fn content(call: &Call, folder: &str, path: &str) -> Result<Content, Error> {
    let root = access::folder(call, folder, Intent::Read)?;
    let path = access::path(path)?;
    let digest = access::digest(&root, &path)?;
    Ok(Content { folder: folder.to_owned(), path: path.to_string_lossy().into_owned(), digest })
}

pub(super) fn changed() -> Error {
    Error::new(Code::ContentChanged, "the file is not as it was when a person said yes to this")
}
