//! What a person can do with Steward: plain functions over the [`App`](crate::app::App), the same for every face.
//!
//! They check what came from outside, decide, and store; then they tell the parts that act. They know nothing of
//! HTTP and nothing of terminals.

mod card;
mod chat;
mod control;
mod doctor;
pub(crate) mod explain;
mod export;
mod folder;
mod golden;
mod import;
mod outcome;
mod policy;
mod replay;
mod setting;
mod start;
mod trial;
mod triggers;
mod wait;

pub use card::{Proposal, confirm_card, propose, reject_card};
pub use chat::{begin_thread, erase_thread, go_on, interrupt, say};
pub use control::{
    EffectInFlight, Stopped, activate, enter_shadow, pause, remove, resume, resume_all, stop, stop_all, stop_run, trust,
};
pub use doctor::{Check, doctor, free_bytes};
pub use explain::explain;
pub use export::{Export, export};
pub use folder::{FolderGrant, Trust, folders};
pub use golden::{GoldenCheck, GoldenDifference, check_goldens, goldens, import_golden, keep_golden, remove_golden};
pub use import::{Card, Change, ImportRequest, Imported, import};
pub use outcome::{Ending, ending};
pub use policy::{Answer, PastCall, PastRead, Question, compare, evaluate};
pub(crate) use replay::replay_records;
pub use replay::{Difference, NOT_REPLAYABLE_OUTSIDE, Reached, Replay, replay};
pub use setting::{check_setting, set_setting};
pub use start::{Started, run_now};
pub use trial::{Backtest, backtest, try_automation, try_draft};
pub use wait::wait_for_run;
