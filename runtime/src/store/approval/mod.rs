//! Approvals: a person's yes to one effect, or to an envelope of so many, as rows of ours.
//!
//! An approval is asked for when a run goes to sleep, decided by a person (or by the end of its time, which is a no), and
//! used in the transaction that starts its effect: a crash in between never frees a second use. It follows the ledger:
//! where it is proven that the effect did not happen, its use is given back.

mod ask;
mod consent;
mod decide;
mod entry;
mod time;
mod view;

pub use ask::{Envelope, Ground, NewApproval};
pub use consent::{Because, No};
pub use view::{Approval, ApprovalFilter, Asked, EnvelopeUse};

pub(super) use ask::{Question, ask};
pub(super) use consent::{Standing, contents_of, give_back};
pub(super) use decide::{decide, hold_need, release_need};
pub(super) use entry::{asking_runs, forget_run};
pub(super) use time::{expire_due, next_change};
