//! `files.*`: files in folders that the user granted, and nothing outside of them.
//!
//! Every access goes through a capability on the folder, so that neither `..`, nor an absolute path, nor a link leads
//! out, also when somebody swaps a folder for a link in the middle of a call. Only plain files are read and written.
//! What a script learns is names relative to the folder; where the folder is, it never sees.
//!
//! All effects are natural: performed twice, they lead to the same state. Where that state was changed by somebody
//! else in between, settling says that it does not know instead of overwriting the change.

mod access;
mod approved;
mod delete;
mod list;
mod movement;
mod read;
mod write;

pub use access::TEMPORARY_PREFIX;
pub use delete::FilesDelete;
pub use list::FilesList;
pub use movement::FilesMove;
pub use read::FilesRead;
pub use write::FilesWrite;

/// The largest file that a script reads or writes; larger ones are moved and handed on, not read.
pub(crate) const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
