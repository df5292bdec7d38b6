//! Watches folders: each file that lands in one and has come to rest becomes a run.
//!
//! One supervised loop ([`start_watcher`]) over the live `file` triggers of active automations. The operating system's
//! notifications are hints only; what counts is a look into the folder, at each hint, at the start, and every so
//! often. A file is taken when it matches, is a plain file, is not in the making, and has not changed between two
//! looks. Then it is delivered under a key of its content, together with the memory of having seen it, in one commit;
//! so a crash anywhere loses no file and takes none twice.
//!
//! Files that were there before the automation are taken too. No link is followed, and no file is read whole into
//! memory. A folder that is gone, and files that cannot be taken, become needs.

mod digest;
mod ear;
mod folder;
mod memory;
mod needs;
mod plan;
mod settle;
#[cfg(test)]
mod tests;
mod walk;
mod watcher;

pub use watcher::start_watcher;
