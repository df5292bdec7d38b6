//! What a call does to files, as far as its arguments tell: so that what is written carries along where it came from.

use intents::canonical::Digest;

/// A file of a granted folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The folder.
    pub folder: String,
    /// The path in it, without detours.
    pub path: String,
}

/// A file that a call writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub place: Place,
    /// What, where the arguments hold it.
    pub digest: Option<Digest>,
    /// The file that it comes from, where it is moved.
    pub from: Option<Place>,
}

/// What a call does to files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touches {
    /// Files that it reads.
    pub reads: Vec<Place>,
    /// Folders whose names it reads.
    pub lists: Vec<String>,
    /// Files that it writes.
    pub writes: Vec<Written>,
}
