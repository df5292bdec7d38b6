//! Keeps house: anchors the record of events, keeps the database small, removes what is too old, and watches the disk.
//!
//! One supervised loop ([`start_janitor`]). A duty that fails is tried again at its next turn and never takes the
//! loop with it: a full disk must not end the only part that makes room. One that keeps failing becomes a need.

mod backups;
mod disk;
mod duties;
mod record;
#[cfg(test)]
mod tests;

pub use backups::Backups;
pub use duties::start_janitor;
