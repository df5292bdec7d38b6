//! The store: the truth of what was delegated, what ran, and what happened.
//!
//! The only code that knows sea-orm. Its functions speak domain types and are named for what they mean. All changes
//! go through one writer that shares a commit among all who wait; a change that was acknowledged is on the disk.

mod anchor;
mod approval;
mod audit;
mod automation;
mod batch;
mod db;
mod doctor;
mod error;
mod event;
mod figures;
mod file;
mod finish;
mod inbox;
mod journal;
mod kept;
mod label;
mod ledger;
mod migrate;
#[cfg(test)]
mod migrated;
mod need;
mod notice;
mod open;
mod overview;
mod payload;
mod ready;
mod request;
mod reserve;
mod retention;
mod rows;
mod run;
mod setting;
mod signal;
mod sleep;
mod state;
mod stop;
#[allow(dead_code, reason = "what copies whole tables comes next")]
mod tables;
mod trigger;
mod under_way;
mod writer;

pub use anchor::Anchor;
pub use approval::{Approval, ApprovalFilter, Asked, Because, Envelope, EnvelopeUse, Ground, NewApproval, No};
pub use audit::{Audit, Finding};
pub use automation::{Automation, ContractVersion, Import, Mode, NewTrigger, ScriptVersion};
pub use error::Error;
pub use event::{StoredEvent, WORKSPACE_ROOM, room_of};
pub use file::SeenFile;
pub use finish::{Finish, Finished};
pub use inbox::{Delivered, Delivery, Item};
pub use journal::{Journal, Loaded};
pub use ledger::{BeginEffect, Begun, Effect, Message, RateMark, SettleEffect, SettledBy};
pub use need::{Need, NeedStatus, NewNeed};
pub use notice::{NewNotice, Notice};
pub use open::{Keys, Store};
pub use overview::Overview;
pub use request::AnsweredRequest;
pub use retention::{Retention, Swept};
pub use run::{Progress, Run, RunFilter, Runnable};
pub use setting::{ALLOW_PRIVATE, FOLDER_PREFIX, Setting};
pub use signal::Signal;
pub use sleep::{NewWait, Sleep, Wait};
pub use state::{StateWrite, Versioned};
pub use tables::{Bound, Table};
pub use trigger::{Advance, StoredTrigger};
pub use writer::{Signals, Ticket};
