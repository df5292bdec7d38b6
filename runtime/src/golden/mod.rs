//! Golden runs: recorded cases with the effects that they must lead to, replayed after every upgrade and whenever somebody
//! asks.
//!
//! A golden run is executed like a past run in a trial: in the real jail, under the real gate, on what was recorded, with
//! no effect performed. It knows nothing of faces. What it finds is stored by `store/golden.rs`.

mod body;
mod check;
mod start;

pub use body::{Malformed, golden_body, past_of};
pub(crate) use check::{Found, Grounds, Summary, bench_of, check_one, found_of, pins};
pub(crate) use start::{check_at_start, check_stale, go_on};
