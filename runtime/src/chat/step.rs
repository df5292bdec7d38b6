//! What the model sees of a conversation.

use intents::label::Labels;
use intents::model::{Cost, Tokens};
use intents::outcome::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::models::ToolCall;

/// One step of a conversation, as it is kept: a promise to later versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The person said something.
    User {
        /// The text.
        text: String,
    },
    /// The host has something to tell the model.
    Host {
        /// The text.
        text: String,
    },
    /// The model answered.
    Answer {
        /// The text.
        text: String,
        /// The tools that it calls.
        calls: Vec<ToolCall>,
    },
    /// A tool call was carried out.
    Result {
        /// What the model calls the call.
        call: String,
        /// The tool.
        tool: String,
        /// What the model is told of it.
        text: String,
        /// Whether the turn rests here, because the person was asked.
        #[serde(default)]
        rests: bool,
        /// What was read for it: the world of a later trial.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        recorded: Vec<RecordedCall>,
    },
}

/// A call that was made while the model looked around, in the shape of recordings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// The tool.
    pub tool: String,
    /// The arguments.
    pub arguments: Value,
    /// What it gave; nothing where that was too long to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What it was refused with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refusal>,
    /// Where the data came from.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// A step with what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct StepRow {
    /// Its place in the thread, from 1.
    pub number: i64,
    /// The step.
    pub step: Step,
    /// What it cost.
    pub cost: Cost,
    /// The tokens that it took.
    pub tokens: Tokens,
}
