//! Shadow: automations whose runs do nothing outside, what those runs would have done, and what they remember.
//!
//! The ledger is read here and never written; what a shadow holds is known under its own id, so that nothing of it counts
//! when it is over.

mod change;
mod foresee;
mod memory;
mod note;
mod view;

pub use foresee::{Foresee, Foretold, NoteSubject};
pub use view::{ShadowCounts, ShadowNote};

pub(super) use change::enter;
pub(super) use memory::{empty as empty_memory, forget as forget_memory, write as write_memory};
pub(super) use note::{empty_notes, notes_under, of, sweep};
