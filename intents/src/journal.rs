//! The ordered record of a run: enough to run it again without the world.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;
use crate::canonical::Digest;
use crate::effect::Key;
use crate::id::EngineTokenId;
use crate::label::Labels;
use crate::outcome::{Failure, Outcome};
use crate::tool::Name;

/// What a run was executed with. Another value of any of these may be another execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pins {
    /// The script engine and its version.
    pub engine: String,
    /// The digest of the code that the engine runs before the script.
    pub prelude: Digest,
    /// The version of the time-zone data.
    pub tzdata: String,
    /// The digest of the script's source.
    pub script: Digest,
}

/// One record. Records are only ever appended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The run began.
    Began {
        /// What it runs with.
        pins: Pins,
        /// The logical time at its first line.
        at: Timestamp,
        /// What chance and ids are drawn from.
        seed: Digest,
        /// The input of the script.
        input: Value,
    },
    /// The script made a call.
    Called(Called),
    /// A call came to its outcome, which the script has seen or will see next.
    Settled {
        /// The number of the call.
        call: u32,
        /// The place of this outcome among all outcomes of the run.
        order: u32,
        /// What the script sees.
        outcome: Arc<Outcome>,
        /// The logical time from here on.
        at: Timestamp,
        /// How long the call took, in milliseconds.
        took_ms: u64,
        /// Where the data came from.
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        labels: Labels,
    },
    /// A call failed and will be tried again, settled or asked about; the script sees nothing of it.
    Faulted {
        /// The number of the call.
        call: u32,
        /// What failed.
        failure: Failure,
        /// What the service answered, where that is what failed: it has not the shape that it should have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Arc<Outcome>>,
        /// What was decided to be done about it, in plain words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        routed: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// The host made a read again, for the sake of a call that is bound to one of its rows. The script sees nothing of it,
    /// and a replay does not need it.
    Reread {
        /// The call whose read was made again.
        call: u32,
        /// The call for whose sake.
        by: u32,
        /// What it led to.
        outcome: Outcome,
        /// Where the data came from.
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        labels: Labels,
        /// When.
        at: Timestamp,
    },
    /// The run read a place of the automation's state in this version; its end compares it.
    StateRead {
        /// The place.
        name: String,
        /// The version it had; 0 when there was nothing.
        version: u64,
    },
    /// The script wrote a line to the run's log.
    Logged(LogLine),
    /// What an engine outside said, or what became of its lease.
    Outside(Report),
    /// The run ended.
    Ended {
        /// What the script returned, when it did.
        result: Option<Value>,
        /// What ended it otherwise.
        failure: Option<Failure>,
        /// When.
        at: Timestamp,
    },
}

impl Record {
    /// What a service answered to a call, by its number, where the answer has not the shape that it should have: the
    /// script did not see it.
    pub fn withheld(&self) -> Option<(u32, &Outcome)> {
        match self {
            Self::Faulted { call, answer: Some(answer), .. } => Some((*call, answer.as_ref())),
            Self::Faulted { .. }
            | Self::Began { .. }
            | Self::Called(_)
            | Self::Settled { .. }
            | Self::Reread { .. }
            | Self::StateRead { .. }
            | Self::Logged(_)
            | Self::Outside(_)
            | Self::Ended { .. } => None,
        }
    }
}

/// A call as it left the script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// Its number, from 0, in the order in which calls were made.
    pub call: u32,
    /// The tool.
    pub tool: Name,
    /// The version of the tool's definition.
    pub tool_version: u32,
    /// The canonical bytes of the arguments, as text.
    pub arguments: String,
    /// The effect key that the script gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Whether the script can do without the result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What the gate said, in plain words: the clause that allowed it.
    pub verdict: String,
    /// When.
    pub at: Timestamp,
}

/// A line of the run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Its number, from 0.
    pub line: u32,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text, bounded.
    pub text: String,
    /// The logical time.
    pub at: Timestamp,
}

/// What the journal keeps of an engine outside, beside its calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub enum Report {
    /// A holder took the run.
    Claimed {
        /// The attempt that it holds.
        attempt: u32,
        /// The token that it came with.
        token: EngineTokenId,
        /// When.
        at: Timestamp,
    },
    /// The holder began.
    Started {
        /// The attempt that it holds.
        attempt: u32,
        /// What it says of itself: a version, a host.
        says: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// The engine knows a call by this name, and asks for it again by it.
    Named {
        /// The number of the call.
        call: u32,
        /// The name.
        id: String,
    },
    /// A mark of progress.
    Step(Step),
    /// The engine gave up for a reason that may go away.
    GaveUp {
        /// What it said.
        message: String,
        /// When.
        at: Timestamp,
    },
    /// The holder fell silent, and its lease ran out.
    Lost {
        /// The attempt that it held.
        attempt: u32,
        /// When.
        at: Timestamp,
    },
}

/// A mark of progress that an engine outside made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What the engine calls it; the same mark again is the same.
    pub id: String,
    /// What was done, for people.
    pub name: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// A recorded call, as a replay needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// The call.
    pub called: Called,
    /// Its outcome, or none if it never came to one.
    pub settled: Option<Settled>,
}

/// The outcome of a recorded call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// Its place among all outcomes of the run.
    pub order: u32,
    /// What the script saw.
    pub outcome: Arc<Outcome>,
    /// The logical time from there on.
    pub at: Timestamp,
}

/// Gathers the calls of a journal with their outcomes, by number.
pub fn recorded(records: &[Record]) -> Vec<Recorded> {
    let mut calls: Vec<Recorded> = Vec::new();
    for record in records {
        match record {
            Record::Called(called) if called.call as usize == calls.len() => {
                calls.push(Recorded { called: called.clone(), settled: None });
            }
            Record::Settled { call, order, outcome, at, .. } => {
                if let Some(recorded) = calls.get_mut(*call as usize) {
                    recorded.settled.get_or_insert(Settled { order: *order, outcome: outcome.clone(), at: *at });
                }
            }
            // A call that is made again after a crash is the same call.
            Record::Called(_)
            | Record::Began { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => {}
        }
    }
    calls
}
