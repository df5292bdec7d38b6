//! What a holder is given with its lease.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::contract::Words;
use intents::id::{AutomationId, ItemId, RunId};
use intents::journal::Step;
use intents::outcome::Outcome;
use intents::tool::Definition;
use serde_json::Value;

/// What a holder is given with its lease.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The run.
    pub run: RunId,
    /// Whose run it is.
    pub automation: AutomationId,
    /// The short name of the automation.
    pub automation_name: String,
    /// The inbox item that it is about.
    pub item: ItemId,
    /// The attempt that the holder has; rises with each holder.
    pub attempt: u32,
    /// How often the run began afresh.
    pub generation: u32,
    /// The logical time of the run's first line.
    pub at: Timestamp,
    /// The input.
    pub input: Value,
    /// The contract.
    pub contract: Value,
    /// The contract in plain words.
    pub words: Words,
    /// The tools that may be called.
    pub tools: Vec<Definition>,
    /// The calls that holders before this one have made.
    pub calls: Vec<KnownCall>,
    /// The marks that holders before this one have made.
    pub steps: Vec<Step>,
}

/// A call that the journal holds.
#[derive(Debug, Clone)]
pub struct KnownCall {
    /// What the engine calls it.
    pub id: String,
    /// Its number in the run.
    pub number: u32,
    /// The tool.
    pub tool: String,
    /// What makes it the same call when it is made again.
    pub digest: Digest,
    /// Its outcome, when it came to one.
    pub outcome: Option<Outcome>,
}
