//! The gate: the pure decision on one call, in two steps.
//!
//! **Before anything is counted** ([`decide`]): a call passes when one capability grants its tool, all conditions of that
//! capability hold for its arguments, one row that the run has read fits it for each name that the capability binds, it
//! carries exactly the effect key that the contract asks for, and it takes no data where that may not go. What it is bound
//! to must be fresh, or is to be read again first.
//!
//! **In the transaction that starts the call** ([`Passed::conclude`]): counters of rates, sums and first effects, hours
//! at which nothing happens, and what a person has said yes to. Two runs at once cannot both take the last place.
//!
//! The order of clauses is fixed: refused, stale, to be read again, wait, skip, ask, approval, allow.
//!
//! The gate knows the contract, the tool's definition, the call, and what the run has read. It does not know the world:
//! no grants of the system, no state of connections, no clock.

mod approval;
mod call;
mod conclude;
mod count;
mod decide;
mod flow;
mod join;
mod reason;
mod rows;
mod subject;
#[cfg(test)]
mod tests;
mod verdict;

pub use approval::{Ground, Offer};
pub use call::{Call, Circumstances, Read};
pub use conclude::{Conclusion, Consent, Take};
pub use count::{Beyond, Counter, Mark, Room, within_sum};
pub use decide::{allows_redirect, counted, decide};
pub use join::join;
pub use reason::{CODES, Reason};
pub use rows::ROWS_MAX;
pub use subject::cost_subject;
pub use verdict::{BoundRow, Clause, Held, Passed, Verdict};
