//! The trial: a script is tried in a simulated world before it goes live.
//!
//! A script runs in the same jail, under the same gate and with the same keys as a real run. Only what lies beyond the
//! gate is made: reads are answered from recordings, effects are noted in a ledger of the simulation, time is virtual,
//! and chance comes from a seed. What is found, and what it comes to, is in `intents::trial`. No model is involved, no
//! effect is performed, and nothing is stored here.

mod bench;
mod case;
mod checks;
mod execution;
mod host_calls;
mod journal;
mod kept;
mod memory;
mod outside;
mod past;
mod plan;
mod quiet;
mod scan;
mod settling;
mod twist;

pub use bench::Bench;
pub use case::{Case, Malformed, Recording, cases_of, read_cases};
pub use checks::{FIRST_RUN_EFFECTS_MAX, TIME_MAX, try_out};
pub use kept::{CountsV1, FindingV1, RatioV1, SheetV1};
pub use past::{Past, compare_past, effects_of};
pub use quiet::{reuses_key, swallows};
