//! A repair: what broke, what was tried, what changed, what proved it, and what it cost.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{AutomationId, NeedId, RepairId, RunId, ScriptId, TrialId};
use intents::model::Cost;
use intents::outcome::Failure;
use intents::repair::{Adapter, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A repair, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Repair {
    /// Its id.
    pub id: RepairId,
    /// Whose script it is.
    pub automation: AutomationId,
    /// Where it stands.
    pub state: State,
    /// What failed; two runs with one cause wait for one repair.
    pub cause: Digest,
    /// What it shares with failures of other automations.
    pub storm: Digest,
    /// The run that failed first.
    pub run: RunId,
    /// The script that failed.
    pub script: ScriptId,
    /// The script that took its place.
    pub new_script: Option<ScriptId>,
    /// What a person is asked about it.
    pub need: Option<NeedId>,
    /// The number of its last step.
    pub step: i64,
    /// How often its next step was given up and begun anew.
    pub attempt: i64,
    /// The step after which the present allowance counts.
    pub allowance_step: i64,
    /// Since when it counts.
    pub allowance_at: Timestamp,
    /// Runs under the new script that are still watched.
    pub watch_left: i64,
    /// What models cost for it.
    pub cost: Cost,
    /// What it says.
    pub body: RepairBody,
    /// When it began.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// What a repair says. It is sealed under a key of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepairBody {
    /// The failure of the run.
    pub failure: Failure,
    /// What broke, in one line.
    pub broke: String,
    /// Where the script stood: its line, its stack, the call.
    #[serde(default)]
    pub evidence: Value,
    /// The service that the run had read from last.
    #[serde(default)]
    pub service: Option<String>,
    /// What was proposed and did not hold.
    #[serde(default)]
    pub tried: Vec<Tried>,
    /// What is live, or waits for a yes.
    #[serde(default)]
    pub candidate: Option<Candidate>,
    /// Why it ended as it did.
    #[serde(default)]
    pub ended: Option<String>,
}

/// A proposal that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What it was.
    pub what: String,
    /// Why it does not go live.
    pub why: Vec<String>,
}

/// A proposal that passed its trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The whole script.
    pub source: String,
    /// Its adapters: those before, and the new one.
    pub adapters: Vec<Adapter>,
    /// Whether the script stays, and an adapter is added.
    pub is_adapter: bool,
    /// Why, in the words of the model.
    pub reason: String,
    /// What changed, as a difference of texts.
    pub diff: String,
    /// The proof sheet.
    pub trial: Option<TrialId>,
    /// The proof sheet in one line.
    pub proof: String,
    /// Past runs in which it does something else, in words.
    pub differences: Vec<String>,
    /// What the failing run and its repair become: a case that every later version has to lead to the same effects.
    #[serde(default)]
    pub golden: Option<Value>,
    /// Call sites whose answers have another shape now; a new script is proven with that one.
    #[serde(default)]
    pub sites: Vec<String>,
}

impl Candidate {
    /// What tells it from other versions: the script, and its adapters.
    pub fn digest(&self) -> Digest {
        let adapters = serde_json::to_string(&self.adapters).expect("adapters are plain data");
        Digest::of_parts("steward script 2", &[self.source.as_bytes(), adapters.as_bytes()])
    }

    /// What takes the place of what, in words.
    pub fn kind(&self) -> &'static str {
        if self.is_adapter { "an adapter" } else { "a new script" }
    }
}

/// A failure that a repair is to be begun for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRepair {
    /// What failed; two runs with one cause wait for one repair.
    pub cause: Digest,
    /// What it shares with failures of other automations.
    pub storm: Digest,
    /// Repairs that the contract allows in a week, where it says so.
    pub per_week: Option<u32>,
    /// What it says.
    pub body: RepairBody,
}
