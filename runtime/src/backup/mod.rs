//! Backups: one sealed file that brings a whole installation back on an empty machine.
//!
//! A backup holds the vault with its master key, the configuration, every row of the database, the archive of events and
//! the files of runs, as they were at one moment; it is taken while runs go on. It holds rows and not pages, so that a
//! backup of one database restores into the other. Rows are cut into pieces that are named by their content: a backup
//! that is based on an earlier one leaves out the pieces that the earlier one holds, whatever changed in between.
//!
//! A restore believes nothing: it opens every frame, finds every piece and follows the chain of events before it writes
//! the first byte. It does not know how runs are carried out; what a restored store allows is decided by the store.

mod frame;
mod manifest;
mod restore;
mod schedule;
mod series;
mod take;
mod write;

pub use manifest::Manifest;
pub use restore::{Outcome, Restore, refuse_unfinished, restore};
pub use schedule::{Kept, Plan, due, kept, next, scheduled};
pub use series::{Lock, Series, Verified, manifest_at};
pub use take::{Taken, take};
pub(crate) use write::remove_leftovers;
