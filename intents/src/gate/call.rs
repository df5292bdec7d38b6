//! What the gate decides on: a call, and what the run has done and read before it.

use serde_json::Value;

use crate::Timestamp;
use crate::effect::Key;
use crate::label::Labels;
use crate::tool::{Definition, Name};

/// A call as it left the script.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The tool.
    pub definition: &'a Definition,
    /// The canonical arguments.
    pub arguments: &'a Value,
    /// The effect key that the script gave.
    pub key: Option<&'a Key>,
}

/// What is so at the time of the call.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The time. Of the same clock as the times of the reads.
    pub now: Timestamp,
    /// The major version of the script that the run executes.
    pub major: u32,
    /// What this run has read so far, in the order in which it was read.
    pub reads: &'a [Read<'a>],
    /// The calls whose reads were made again for the sake of this call.
    pub reread: &'a [u32],
    /// Where the data came from that this run has read so far, its input included.
    pub labels: &'a Labels,
}

/// One result that the run has read.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// The number of the script's call. A read that the host made again has the number of the call that it repeats.
    pub call: u32,
    /// The tool.
    pub tool: &'a Name,
    /// The canonical arguments.
    pub arguments: &'a Value,
    /// The result.
    pub value: &'a Value,
    /// When it was read.
    pub at: Timestamp,
}
