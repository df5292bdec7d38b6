//! A proposed automation, as a person confirms it.

use std::fmt;
use std::str::FromStr;

use intents::Timestamp;
use intents::id::{AutomationId, CardId, ThreadId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What has become of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CardState {
    /// The person has not decided.
    Proposed,
    /// It is what the automation is, or was.
    Confirmed,
    /// The person said no.
    Rejected,
    /// Another card of the thread took its place.
    Superseded,
}

/// A word that is no state of a card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a card")]
pub struct UnknownState(String);

impl CardState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Proposed, Self::Confirmed, Self::Rejected, Self::Superseded];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }
}

impl fmt::Display for CardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CardState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// What a card says and what it stands for. It is sealed under the key of its thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardBody {
    /// The name of the automation.
    pub automation_name: String,
    /// What it changes: `new`, `contract`, `script` or `nothing`.
    pub change: String,
    /// The title of the contract: the planner's words.
    pub title: String,
    /// The goal of the contract: the planner's words.
    pub goal: String,
    /// What Steward enforces: the clauses of the contract, each in a sentence that the host made.
    pub enforced: Vec<String>,
    /// What the script does, in the planner's words.
    pub script_does: Vec<String>,
    /// What the planner took for granted, in its words.
    pub assumptions: Vec<String>,
    /// What is another in the contract than in the one in force.
    pub changes: Vec<ChangeLine>,
    /// Addresses that the contract allows and that the person never wrote.
    pub unnamed: Vec<String>,
    /// What becomes of runs that are under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_over: Option<String>,
    /// The verdict of the trial.
    pub verdict: String,
    /// The proof sheet in a line.
    pub proof: String,
    /// The proof sheet.
    pub trial: Option<String>,
    /// The contract.
    pub contract: Value,
    /// The script.
    pub script: String,
    /// The digest of the contract.
    pub contract_digest: String,
    /// The digest of the script.
    pub script_digest: String,
    /// The contract that was in force when the card was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The world that the script was tried in, as recordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recordings: Option<Value>,
}

/// One clause that is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeLine {
    /// `widens`, `narrows` or `neutral`.
    pub how: String,
    /// The clause before and after, in sentences of the host.
    pub words: String,
}

/// A card.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Its id.
    pub id: CardId,
    /// The thread that it came from.
    pub thread: ThreadId,
    /// The automation that it became.
    pub automation: Option<AutomationId>,
    /// What has become of it.
    pub state: CardState,
    /// The digest of everything that the person sees and confirms.
    pub digest: String,
    /// What it says.
    pub body: CardBody,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the person decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<String>,
}
