//! What one execution is to be, and what it came to.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::Key;
use intents::id::{ItemId, RunId};
use intents::journal::Record;
use intents::need::Nth;
use intents::outcome::Failure;
use intents::tool::Name;
use serde_json::Value;

use super::case::Case;
use super::memory::Memory;
use super::twist::Twist;

/// Which of several calls that wait is answered first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Turn {
    /// The first that was made.
    #[default]
    First,
    /// The last that was made.
    Last,
}

/// Something that goes wrong at one call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mishap {
    /// The service says no; nothing was done.
    Refused { code: String },
    /// A person said no, or nobody answered.
    NotApproved,
    /// What the call is bound to has changed.
    Stale,
    /// A limit of the contract leaves it out.
    Skipped,
    /// An optional read stays unavailable.
    Unavailable,
    /// It is made again later, and then it works: after a backoff, or after a person has helped.
    Later { ms: u64 },
    /// It left, and nobody knew whether it was done, until it was settled.
    Uncertain { done: bool },
    /// It ends the run.
    Ends(Failure),
}

/// One execution.
#[derive(Clone)]
pub(super) struct Plan<'c> {
    pub(super) case: &'c Case,
    pub(super) run: RunId,
    pub(super) item: ItemId,
    pub(super) generation: u32,
    /// When the run begins; it goes on from its journal at `now`.
    pub(super) at: Timestamp,
    pub(super) now: Timestamp,
    pub(super) seed: Digest,
    /// The journal that it goes on from.
    pub(super) journal: Vec<Record>,
    pub(super) twist: Twist,
    pub(super) turn: Turn,
    pub(super) mishap: Option<(u32, Mishap)>,
    /// What is chosen where the script asks, by what it asks.
    pub(super) answers: BTreeMap<String, Nth>,
    /// Whether the memory after each record is kept.
    pub(super) watched: bool,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    /// The script returned.
    Finished { result: Value },
    /// The run failed.
    Failed(Failure),
    /// The gate refused a call, and the run waits for a person.
    Denied,
}

/// A call that the gate refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) call: u32,
    pub(super) tool: Name,
    pub(super) is_effect: bool,
    pub(super) code: String,
}

/// A key that met other arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clash {
    pub(super) tool: Name,
    pub(super) key: Key,
    /// Whether both were in one run, so that the second was silently left out.
    pub(super) within_run: bool,
}

/// What was there after a record.
#[derive(Clone)]
pub(super) struct Moment {
    /// How many records there were.
    pub(super) records: usize,
    pub(super) memory: Memory,
    pub(super) now: Timestamp,
}

/// What an execution came to.
#[derive(Clone)]
pub(super) struct Done {
    pub(super) records: Vec<Record>,
    pub(super) end: End,
    /// Reads that nothing was recorded for.
    pub(super) generated: u32,
    /// Questions that nobody recorded an answer to.
    pub(super) assumed: u32,
    pub(super) denied: Vec<Denied>,
    pub(super) clashes: Vec<Clash>,
    pub(super) moments: Vec<Moment>,
    pub(super) now: Timestamp,
}

impl Done {
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.end, End::Finished { .. })
    }
}
