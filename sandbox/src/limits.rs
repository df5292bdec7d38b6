//! How much one attempt may use. A contract may lower each of these, never raise it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A script that computes this long without waiting for anything does not do what it was written for.
pub const TURN_MAX: Duration = Duration::from_secs(5);
/// Enough for a few hundred thousand small objects; a script that needs more should work through handles.
pub const HEAP_BYTES_MAX: u64 = 64 << 20;
/// One tick is 10,000 steps of the engine, so this is a thousand million steps.
pub const TICKS_MAX: u64 = 100_000;
/// About 1,600 plain frames: recursion over data, not recursion by mistake.
pub const STACK_BYTES_MAX: u64 = 1 << 20;
/// A replay gives every call back from memory, so this bounds how long one takes.
pub const CALLS_MAX: u32 = 10_000;
/// Arguments are shown to people and kept in the journal; larger data travels by handle.
pub const ARGUMENT_BYTES_MAX: u32 = 1 << 20;
/// Text that a script really reads.
pub const OUTCOME_BYTES_MAX: u32 = 8 << 20;
/// What a run returns is shown on a screen.
pub const RESULT_BYTES_MAX: u32 = 1 << 20;
/// A log that nobody can read to its end is noise.
pub const LOG_LINES_MAX: u32 = 10_000;
/// Longer lines are cut, and say so.
pub const LOG_LINE_BYTES_MAX: u32 = 8 << 10;
/// Longer sources take seconds to compile and were not written by anybody.
pub const SOURCE_BYTES_MAX: u32 = 256 << 10;
/// The input of a run is one inbox item.
pub const INPUT_BYTES_MAX: u32 = 8 << 20;
/// How many processes wait for a script, ahead of need. One is taken while another is made; a load that takes them
/// faster keeps every processor busy and gains nothing from more. Each takes a few hundred kilobytes.
pub const SPARES_MAX: usize = 2;
/// All recorded calls together, as they travel to the script's process.
pub const REPLAY_BYTES_MAX: u64 = 256 << 20;

/// The limits of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long the script may compute without waiting for an answer.
    pub turn: Duration,
    /// What the script may allocate.
    pub heap_bytes: u64,
    /// The instruction budget of the attempt, replay included.
    pub ticks: u64,
    /// How many calls it may make.
    pub calls: u32,
    /// How long the arguments or the key of one call may be.
    pub argument_bytes: u32,
    /// How long the outcome of one call may be.
    pub outcome_bytes: u32,
    /// How long the result of the run may be.
    pub result_bytes: u32,
    /// How many lines it may log.
    pub log_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turn: TURN_MAX,
            heap_bytes: HEAP_BYTES_MAX,
            ticks: TICKS_MAX,
            calls: CALLS_MAX,
            argument_bytes: ARGUMENT_BYTES_MAX,
            outcome_bytes: OUTCOME_BYTES_MAX,
            result_bytes: RESULT_BYTES_MAX,
            log_lines: LOG_LINES_MAX,
        }
    }
}

/// The limits that the script's own process watches.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Inside {
    pub(crate) heap_bytes: u64,
    pub(crate) ticks: u64,
    pub(crate) calls: u32,
    pub(crate) argument_bytes: u32,
    pub(crate) result_bytes: u32,
    pub(crate) log_lines: u32,
}

impl From<&Limits> for Inside {
    fn from(limits: &Limits) -> Self {
        Self {
            // The process has no room for more.
            heap_bytes: limits.heap_bytes.min(HEAP_BYTES_MAX),
            ticks: limits.ticks,
            calls: limits.calls,
            argument_bytes: limits.argument_bytes,
            result_bytes: limits.result_bytes,
            log_lines: limits.log_lines,
        }
    }
}
