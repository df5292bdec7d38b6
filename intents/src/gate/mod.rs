//! The gate: the pure decision on one call.
//!
//! A call passes when one capability grants its tool and all conditions of that capability hold for its arguments, and
//! when it carries exactly the effect key that the contract asks for. What passes may still be one too many: the rates
//! to count come back with the verdict, and [`within`] decides on each, with counts taken in the transaction that
//! starts the effect.
//!
//! The gate knows the contract, the tool's definition and the call. It does not know the world: no grants of the
//! system, no state of connections, no clock.

mod decide;
mod rate;

pub use decide::{CODES, Clause, Reason, Verdict, allows_redirect, decide};
pub use rate::{Beyond, RateToCount, Room, within};
