//! Model calls: what they cost, whether they may be made, and what becomes of one that failed.
//!
//! Nothing here knows an endpoint or a key. A call is paid for before it is made: its worst case is reserved against
//! every budget, and settled with what the endpoint reported. What may have been done and is not known to have been is
//! never made again by itself.

mod budget;
mod cost;
mod estimate;
mod fault;
mod purpose;

pub use budget::{Limits, Over, Spent, WINDOW_DAY, WINDOW_MONTH};
pub use cost::{Cost, PRICE_MAX, Prices, TOKENS_MAX, Tokens};
pub use estimate::tokens_at_most;
pub use fault::{Ended, Next, Problem, TRIES_MAX, ended, judge, next};
pub use purpose::Purpose;
