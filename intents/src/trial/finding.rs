//! What a trial can find: each with a stable code, and plain words that hold no data of the script.

use serde::{Deserialize, Serialize};

crate::error_codes! {
    /// A finding. Its class says what it means: `logic` refutes a script; `limit` says that something was not proven;
    /// `unknown` is for a person to look at.
    Shape, "TRIAL_SHAPE", Logic, "the script cannot run: it does not parse, has no entry, or breaks at its top";
    ToolUngranted, "TRIAL_TOOL_UNGRANTED", Logic, "the script names a tool that its contract does not grant";
    Nondeterminism, "TRIAL_NONDETERMINISM", Logic, "two executions of the same run differ";
    KeyParts, "TRIAL_KEY_PARTS", Logic, "an effect has no key, or one of other parts than the contract asks for";
    KeyChance, "TRIAL_KEY_CHANCE", Logic, "an effect key depends on chance, so the same happens again under another key";
    KeyClock, "TRIAL_KEY_CLOCK", Logic, "an effect key depends on the clock, so the same happens again later";
    KeyOrder, "TRIAL_KEY_ORDER", Logic, "an effect key depends on the order in which rows or answers come";
    KeyCoarse, "TRIAL_KEY_COARSE", Logic, "different effects have the same key, so one of them is left out or refused";
    NotOnce, "TRIAL_NOT_ONCE", Logic, "a later run about the same does it again";
    Crash, "TRIAL_CRASH", Logic, "after a crash other effects happen than without one";
    Duplicate, "TRIAL_DUPLICATE", Logic, "after a failure the same happens twice, under another key";
    RefusalIgnored, "TRIAL_REFUSAL_IGNORED", Logic, "the script goes on as if a refused call had succeeded";
    EffectLost, "TRIAL_EFFECT_LOST", Logic, "after a failure something is never done, and nobody is told";
    OutsideContract, "TRIAL_OUTSIDE_CONTRACT", Logic, "the script tries something that its contract does not allow";
    Hostile, "TRIAL_HOSTILE", Logic, "with hostile strings in what it reads, the script tries something that its contract does not allow";
    Flood, "TRIAL_FLOOD", Logic, "the first run does more at once than anybody expects, and no limit of the contract bounds it";
    HistoryFails, "TRIAL_HISTORY_FAILS", Logic, "the past run that failed does not come to its end with this script either";
    HistoryDiffers, "TRIAL_HISTORY_DIFFERS", Unknown, "in a past run this script has other effects than the one before it";
    KeyUsed, "TRIAL_KEY_USED", Logic, "under a key of a past run something else is done, which the ledger refuses";
    Swallows, "TRIAL_SWALLOWS", Logic, "the repair brings the failing run to its end by doing nothing";
    HardCoded, "TRIAL_HARD_CODED", Logic, "the repair contains values of the case that it is tried on";
    AdapterUnfit, "TRIAL_ADAPTER", Logic, "the adapter does not lead from what the service says to what the script was proven with";
    HistoryThin, "TRIAL_HISTORY_THIN", Limit, "too few past runs can be compared";
    FirstRun, "TRIAL_FIRST_RUN", Unknown, "the more is there, the more the first run does, and no limit of the contract bounds it";
    Calendar, "TRIAL_CALENDAR", Unknown, "each day, week or month counts as new: the same happens again in the next one";
    OrderChooses, "TRIAL_ORDER_CHOOSES", Unknown, "what is done depends on the order of rows";
    FailsOnSample, "TRIAL_FAILS_ON_SAMPLE", Unknown, "the script fails on one of the recorded cases";
    NothingProven, "TRIAL_NOTHING_PROVEN", Limit, "the script came to its end in no execution on recorded data, so nothing is proven";
    Sampled, "TRIAL_SAMPLED", Limit, "there was more to try than time allows, so a sample was tried";
}

use crate::failure::Class;

/// The parts of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// It can run at all.
    Shape,
    /// It does the same twice.
    Determinism,
    /// It does the same thing once.
    Once,
    /// It may die anywhere.
    Crash,
    /// Any call may fail.
    Fault,
    /// It stays within its contract.
    Contract,
    /// It does what was done before.
    History,
}

impl Check {
    /// Every check, in order.
    pub const ALL: [Self; 7] =
        [Self::Shape, Self::Determinism, Self::Once, Self::Crash, Self::Fault, Self::Contract, Self::History];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Determinism => "determinism",
            Self::Once => "once",
            Self::Crash => "crash",
            Self::Fault => "fault",
            Self::Contract => "contract",
            Self::History => "history",
        }
    }
}

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is.
    pub code: Code,
    /// The check that found it.
    pub check: Check,
    /// What happened, in plain words.
    pub words: String,
}

impl Finding {
    /// A finding with its words.
    pub fn new(code: Code, check: Check, words: impl Into<String>) -> Self {
        Self { code, check, words: words.into() }
    }

    /// Whether a script with this finding does not go live.
    pub fn refutes(&self) -> bool {
        self.code.class() == Class::Logic
    }

    /// Whether it says that something was not proven.
    pub fn leaves_open(&self) -> bool {
        self.code.class() == Class::Limit
    }
}
