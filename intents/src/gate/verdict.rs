//! What the gate says, in its two steps.

use serde_json::Value;

use super::approval::{Ground, Offer};
use super::count::{Beyond, Counter};
use super::reason::Reason;
use crate::Timestamp;
use crate::canonical::Digest;
use crate::contract::{ConnectionName, DeclaredIdentity, Excess, RowName};

/// What the gate says about a call before anything is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It may not be made.
    Deny {
        /// Why; never empty.
        reasons: Vec<Reason>,
    },
    /// What the call is bound to was read again, and is not so any more: the call ends, and the script sees it.
    Stale {
        /// The call that had read it.
        call: u32,
        /// The clause in plain words.
        clause: String,
    },
    /// What the call is bound to was read too long ago: this call is to be read again, and the gate asked again.
    NeedsFreshRead {
        /// The call.
        call: u32,
        /// The clause in plain words.
        clause: String,
    },
    /// It may be made, if the counters have room and a person has said yes where one is asked.
    Pass(Box<Passed>),
}

/// A call that the contract allows as such.
#[derive(Debug, Clone, PartialEq)]
pub struct Passed {
    /// The clause that allows it.
    pub clause: Clause,
    /// How the contract says that the effect can be known to have happened.
    pub identity: Option<DeclaredIdentity>,
    /// The account that it goes through.
    pub connection: Option<ConnectionName>,
    /// The rows that it is bound to: every one that fits.
    pub rows: Vec<BoundRow>,
    /// What it counts against.
    pub counters: Vec<Counter>,
    /// Limits that hold it now, whatever is counted.
    pub held: Vec<Held>,
    /// Approvals that it needs, whatever is counted.
    pub grounds: Vec<Ground>,
}

/// The clause that allows a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// Its place among the contract's capabilities; none for what every script may use.
    pub capability: Option<usize>,
    /// The clause in plain words. Journals keep them.
    pub words: String,
}

/// A row that a call is bound to.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundRow {
    /// The name of the row in the contract.
    pub name: RowName,
    /// The call that read it.
    pub call: u32,
    /// The row.
    pub value: Value,
}

/// A limit that holds a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What becomes of the call.
    pub excess: Excess,
    /// Until when.
    pub until: Timestamp,
    /// The clause in plain words.
    pub words: String,
    /// What tells the clause from others.
    pub subject: Digest,
}

impl Passed {
    /// A call that nothing bounds.
    pub(super) fn freely(clause: Clause) -> Self {
        Self {
            clause,
            identity: None,
            connection: None,
            rows: Vec::new(),
            counters: Vec::new(),
            held: Vec::new(),
            grounds: Vec::new(),
        }
    }

    /// Whether a person may have to be asked, depending on what was done before.
    pub fn may_ask(&self) -> bool {
        let asks = |counter: &Counter| match &counter.beyond {
            Beyond::Limit { excess, .. } => *excess == Excess::Ask,
            Beyond::Trusted(_) => true,
        };
        !self.grounds.is_empty()
            || self.held.iter().any(|held| held.excess == Excess::Ask)
            || self.counters.iter().any(asks)
    }

    /// What one yes may cover beside this call.
    pub fn offers(&self) -> impl Iterator<Item = &Offer> {
        let trusted = self.counters.iter().filter_map(|counter| match &counter.beyond {
            Beyond::Trusted(ground) => Some(&**ground),
            Beyond::Limit { .. } => None,
        });
        self.grounds.iter().chain(trusted).filter_map(|ground| ground.envelope.as_ref())
    }

    /// Whether the call may be made without a look at what was done before.
    pub fn is_free(&self) -> bool {
        self.counters.is_empty() && self.held.is_empty() && self.grounds.is_empty()
    }
}
