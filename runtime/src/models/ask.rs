//! What is asked of a model, and what whoever asks gets.

use std::time::Duration;

use intents::amount::Amount;
use intents::id::{AutomationId, RoomId, RunId};
use intents::model::Purpose;
use serde_json::Value;

use super::chain::ProfileName;
use super::message::{Answer, Message, ToolOffer};
use crate::store::ModelCall;

/// A question to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The id of the step that asks, made by whoever asks and kept by them: the same again gets the same answer, without
    /// another call.
    pub request: String,
    /// What for.
    pub purpose: Purpose,
    /// The room that it belongs to.
    pub room: Option<RoomId>,
    /// The automation that it is for.
    pub automation: Option<AutomationId>,
    /// The run that it is for.
    pub run: Option<RunId>,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Vec<ToolOffer>,
    /// The shape that the answer is to have. Whether it has it is checked by whoever asks.
    pub schema: Option<AnswerSchema>,
    /// The profile to ask, in place of the chain.
    pub profile: Option<ProfileName>,
    /// A bound on the answer, below that of the profile.
    pub tokens_out_max: Option<u32>,
    /// How long it may take, where that is less than the profile says.
    pub within: Option<Duration>,
    /// What this call may cost at most, in US dollars.
    pub budget: Option<Amount>,
    /// What all calls for the automation may cost in any 30 days, in US dollars.
    pub automation_budget: Option<Amount>,
}

impl Ask {
    /// A question with nothing but a conversation.
    pub fn new(request: impl Into<String>, purpose: Purpose, messages: Vec<Message>) -> Self {
        Self {
            request: request.into(),
            purpose,
            room: None,
            automation: None,
            run: None,
            messages,
            tools: Vec::new(),
            schema: None,
            profile: None,
            tokens_out_max: None,
            within: None,
            budget: None,
            automation_budget: None,
        }
    }
}

/// The shape that an answer is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerSchema {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// The JSON Schema.
    pub schema: Value,
}

/// An answer, with what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The answer.
    pub answer: Answer,
    /// The call that brought it: its tokens, its cost, its times.
    pub call: ModelCall,
    /// Whether the answer was stored before, and no call was made now.
    pub repeated: bool,
}

/// A piece of an answer on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// More text.
    Text(String),
    /// A tool is being called: a piece of its arguments.
    Call {
        /// Which of the answer's calls it is.
        index: usize,
        /// The tool, as far as it is known.
        name: String,
        /// The piece.
        arguments: String,
    },
    /// What came so far is void: another model, or another try, begins from the start.
    Restart,
}
