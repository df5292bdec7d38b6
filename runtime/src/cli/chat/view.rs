//! Threads, messages and cards as the API answers them.

use serde::{Deserialize, Serialize};

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct ThreadView {
    pub(in crate::cli) id: String,
    pub(in crate::cli) title: String,
    pub(in crate::cli) state: String,
    pub(in crate::cli) automation: Option<String>,
    pub(in crate::cli) last_seq: i64,
    pub(in crate::cli) cost_micros: i64,
    pub(in crate::cli) tokens_in: i64,
    pub(in crate::cli) tokens_out: i64,
    pub(in crate::cli) created_at: String,
    pub(in crate::cli) updated_at: String,
}

/// Conversations, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct ThreadList {
    pub(in crate::cli) items: Vec<ThreadView>,
    pub(in crate::cli) next: Option<String>,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct MessageView {
    pub(in crate::cli) id: String,
    pub(in crate::cli) seq: i64,
    pub(in crate::cli) kind: String,
    pub(in crate::cli) text: String,
    #[serde(default)]
    pub(in crate::cli) choices: Vec<String>,
    pub(in crate::cli) card: Option<CardView>,
    pub(in crate::cli) tool: Option<ToolView>,
    pub(in crate::cli) cut_off: bool,
    pub(in crate::cli) recorded: bool,
}

/// What the planner did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct ToolView {
    pub(in crate::cli) name: String,
    pub(in crate::cli) words: String,
    pub(in crate::cli) ok: bool,
}

/// A proposed automation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct CardView {
    pub(in crate::cli) id: String,
    pub(in crate::cli) automation_name: String,
    pub(in crate::cli) change: String,
    pub(in crate::cli) state: String,
    pub(in crate::cli) title: String,
    pub(in crate::cli) digest: String,
    pub(in crate::cli) enforced: Vec<String>,
    pub(in crate::cli) script_does: Vec<String>,
    pub(in crate::cli) assumptions: Vec<String>,
    pub(in crate::cli) changes: Vec<ChangeView>,
    pub(in crate::cli) unnamed: Vec<String>,
    pub(in crate::cli) proof: ProofView,
    pub(in crate::cli) carried_over: Option<String>,
}

/// What a card changes in the contract that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct ChangeView {
    pub(in crate::cli) how: String,
    pub(in crate::cli) words: String,
}

/// What came of the trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct ProofView {
    pub(in crate::cli) verdict: String,
    pub(in crate::cli) text: String,
}

/// A card with all that it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct CardDetail {
    pub(in crate::cli) contract: serde_json::Value,
    pub(in crate::cli) script: String,
}
