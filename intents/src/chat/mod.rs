//! Conversations: what a person named in them, what may be looked at because of that, and how a turn goes on.
//!
//! A person writes; a model answers, and calls tools that the host carries out. Nothing here knows a model, a store or a
//! clock. What a model may do follows from what the person wrote, never from what the model or the data says.

mod leave;
mod named;
mod plain;
mod session;
mod turn;
mod unnamed;

pub use leave::{Seen, may_leave};
pub use named::{Named, Surroundings};
pub use plain::plain_line;
pub use session::contract as session_contract;
pub use turn::{Allowance, Bound, Bounds, Next, Progress, Spent, next};
pub use unnamed::unnamed;
