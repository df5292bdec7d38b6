//! The ledger: what happened under each effect key, over runs, attempts and versions.

mod claim;
mod entry;
mod message;
mod place;
mod room;
mod settlement;
mod view;

pub use claim::{BeginEffect, Begun};
pub use message::Message;
pub use place::TakePlace;
pub use room::{Blocked, Passing};
pub use settlement::{SettleEffect, SettledBy};
pub use view::Effect;

pub(super) use claim::open_outcome;
pub(super) use entry::{identity, prior};
pub(super) use message::claim_message;
pub(super) use room::take_in_shadow;
pub(super) use settlement::{ask_about_unsettled, settle};
