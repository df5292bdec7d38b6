//! The frames that open an attempt.

use intents::journal;
use serde::{Deserialize, Serialize};

use crate::limits::{self, INPUT_BYTES_MAX, Inside, Limits, REPLAY_BYTES_MAX};
use crate::wire::{Outcome, Settled, encode, outcome};
use crate::{Error, Start};

/// From the host to the process of the attempt.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToScript {
    /// The first frame.
    Start(Box<Opening>),
    /// Recorded calls, in order; as many frames as it takes.
    Recorded(Vec<Recorded>),
    /// Nothing more opens the attempt.
    Go,
    /// The outcome of a call.
    Answer { call: u32, outcome: Outcome, at: i64 },
}

/// What the attempt is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    Run,
    /// Only says whether the script could be run.
    Check,
}

/// Everything about an attempt but its records.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opening {
    pub(crate) purpose: Purpose,
    pub(crate) script: String,
    pub(crate) name: String,
    pub(crate) input: String,
    pub(crate) at: i64,
    pub(crate) seed: [u8; 32],
    pub(crate) tools: Vec<String>,
    pub(crate) logged: u32,
    pub(crate) limits: Inside,
}

/// A recorded call, as far as a replay compares and answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) tool: String,
    pub(crate) arguments: String,
    pub(crate) key: Option<String>,
    pub(crate) settled: Option<Settled>,
}

/// Records go out in frames of about this many bytes, so that neither side holds a second copy of a long journal.
const CHUNK_BYTES: usize = 1 << 20;

/// Makes the frames that open an attempt.
pub(crate) fn frames(start: Start, purpose: Purpose, limits: &Limits) -> Result<Vec<u8>, Error> {
    if start.script.len() > limits::SOURCE_BYTES_MAX as usize {
        return Err(Error::TooLong { what: "the script", limit: limits::SOURCE_BYTES_MAX.into() });
    }
    let opening = Opening {
        purpose,
        script: start.script,
        name: start.name,
        input: outcome::text(&start.input, "the input", INPUT_BYTES_MAX)?,
        at: start.at.as_millis(),
        seed: start.seed,
        tools: start.tools,
        logged: start.logged,
        limits: Inside::from(limits),
    };
    let mut bytes = encode(&ToScript::Start(Box::new(opening)));
    let mut chunk = Vec::new();
    let mut chunk_bytes = 0;
    for recorded in start.replay {
        let recorded = recorded_call(recorded)?;
        chunk_bytes += size(&recorded);
        chunk.push(recorded);
        if chunk_bytes >= CHUNK_BYTES {
            bytes.extend(encode(&ToScript::Recorded(std::mem::take(&mut chunk))));
            chunk_bytes = 0;
        }
        if bytes.len() as u64 > REPLAY_BYTES_MAX {
            return Err(Error::TooLong { what: "the journal", limit: REPLAY_BYTES_MAX });
        }
    }
    if !chunk.is_empty() {
        bytes.extend(encode(&ToScript::Recorded(chunk)));
    }
    bytes.extend(encode(&ToScript::Go));
    Ok(bytes)
}

fn recorded_call(recorded: journal::Recorded) -> Result<Recorded, Error> {
    let settled = match recorded.settled {
        Some(settled) => Some(Settled {
            order: settled.order,
            outcome: outcome(&settled.outcome, limits::OUTCOME_BYTES_MAX)?,
            at: settled.at.as_millis(),
        }),
        None => None,
    };
    Ok(Recorded {
        tool: recorded.called.tool.as_str().to_owned(),
        arguments: recorded.called.arguments,
        key: recorded.called.key.map(|key| key.canonical()),
        settled,
    })
}

fn size(recorded: &Recorded) -> usize {
    let outcome = recorded.settled.as_ref().map_or(0, |settled| match &settled.outcome {
        Outcome::Value(text) => text.len(),
        Outcome::Refused { message, data, .. } => message.len() + data.len(),
        Outcome::Skipped { clause } => clause.len(),
    });
    recorded.tool.len() + recorded.arguments.len() + outcome
}
