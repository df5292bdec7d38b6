//! What is said to a model, and what it says.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What we say about what is wanted.
    System {
        /// The text.
        text: String,
    },
    /// What a person says, or data that is fenced as such.
    User {
        /// The text.
        text: String,
    },
    /// What the model said before.
    Assistant {
        /// The text.
        text: String,
        /// The tools that it called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// What a tool answered.
    Tool {
        /// The call that it answers.
        call: String,
        /// The answer.
        text: String,
    },
}

impl Message {
    /// Something that we say.
    pub fn system(text: impl Into<String>) -> Self {
        Self::System { text: text.into() }
    }

    /// Something that a person says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::User { text: text.into() }
    }

    /// The message as endpoints take it.
    pub(super) fn for_endpoint(&self) -> Value {
        match self {
            Self::System { text } => json!({ "role": "system", "content": text }),
            Self::User { text } => json!({ "role": "user", "content": text }),
            Self::Tool { call, text } => json!({ "role": "tool", "tool_call_id": call, "content": text }),
            Self::Assistant { text, calls } if calls.is_empty() => json!({ "role": "assistant", "content": text }),
            Self::Assistant { text, calls } => {
                let content = if text.is_empty() { Value::Null } else { json!(text) };
                let calls: Vec<_> = calls.iter().map(ToolCall::for_endpoint).collect();
                json!({ "role": "assistant", "content": content, "tool_calls": calls })
            }
        }
    }
}

/// A tool that a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolOffer {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub parameters: Value,
}

/// A tool that a model called. Whether and how it is carried out is decided by whoever asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// What the model calls this call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it is called with.
    pub arguments: Arguments,
    /// Whether a tool of this name was offered.
    pub offered: bool,
}

/// What a tool is called with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arguments {
    /// JSON.
    Json(Value),
    /// A text that is no JSON.
    Broken(String),
}

impl Arguments {
    /// Reads what a model wrote; nothing at all is an empty object.
    pub(super) fn read(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Json(json!({}));
        }
        serde_json::from_str(text).map_or_else(|_| Self::Broken(text.to_owned()), Self::Json)
    }
}

impl ToolCall {
    fn for_endpoint(&self) -> Value {
        let arguments = match &self.arguments {
            Arguments::Json(value) => value.to_string(),
            Arguments::Broken(text) => text.clone(),
        };
        json!({ "id": self.id, "type": "function", "function": { "name": self.name, "arguments": arguments } })
    }
}

/// Why an answer ends where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model had said all.
    Stop,
    /// It calls tools.
    Calls,
    /// It was not allowed more tokens.
    Length,
    /// It was cut off here: no answer may be longer.
    Cut,
    /// The provider let no more through.
    Filtered,
    /// For a reason that we do not know.
    Other,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The text; empty when there is none.
    pub text: String,
    /// The tools that it calls.
    pub calls: Vec<ToolCall>,
    /// Why it ends there.
    pub finish: Finish,
    /// The provider.
    pub provider: String,
    /// Its profile.
    pub profile: String,
    /// The model, as the endpoint named it.
    pub model: String,
    /// Whether no model was asked: the answer was stored long before.
    pub recorded: bool,
}

impl Answer {
    /// The text as JSON, without a fence of Markdown around it. None when it is no JSON.
    pub fn json(&self) -> Option<Value> {
        let text = self.text.trim();
        let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
        let text = inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text);
        serde_json::from_str(text.trim()).ok()
    }

    /// The answer as a turn of the conversation that goes on.
    pub fn as_message(&self) -> Message {
        Message::Assistant { text: self.text.clone(), calls: self.calls.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_said_is_said_back_to_it_as_it_was() {
        let call = |arguments| ToolCall { id: "c1".into(), name: "look".into(), arguments, offered: true };
        let message = Message::Assistant { text: String::new(), calls: vec![call(Arguments::Json(json!({ "a": 1 })))] };
        let sent = message.for_endpoint();
        assert_eq!(sent["content"], Value::Null);
        assert_eq!(sent["tool_calls"][0]["function"]["arguments"], "{\"a\":1}");
        let broken = Message::Assistant { text: "so".into(), calls: vec![call(Arguments::read("{\"a\":"))] };
        assert_eq!(broken.for_endpoint()["tool_calls"][0]["function"]["arguments"], "{\"a\":");
        assert_eq!(Arguments::read("  "), Arguments::Json(json!({})));
    }
}
