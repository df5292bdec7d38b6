//! What a person sees of a conversation.

use std::fmt;
use std::str::FromStr;

use intents::Timestamp;
use intents::id::{CardId, MessageId, ThreadId};
use intents::model::{Cost, Tokens};
use serde::{Deserialize, Serialize};

/// Whose message it is, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageKind {
    /// The person's.
    User,
    /// The model's.
    Assistant,
    /// The model's, put to the person: the turn waits for the answer.
    Question,
    /// A card that the person may confirm.
    Card,
    /// The host's: what a tool call of the model did.
    Tool,
    /// The host's: what the person has to know.
    Notice,
}

/// A word that is no kind of message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind of message")]
pub struct UnknownKind(String);

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::User, Self::Assistant, Self::Question, Self::Card, Self::Tool, Self::Notice];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Question => "question",
            Self::Card => "card",
            Self::Tool => "tool",
            Self::Notice => "notice",
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MessageKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// What a message says. It is sealed under the key of its thread.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageBody {
    /// The text.
    pub text: String,
    /// Answers that are offered with a question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The tool call that it tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolLine>,
}

/// A tool call of the model, in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolLine {
    /// The tool.
    pub name: String,
    /// Whether it did what was asked.
    pub ok: bool,
}

/// A message that is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Whose it is.
    pub kind: MessageKind,
    /// What it says.
    pub body: MessageBody,
    /// The card that it shows.
    pub card: Option<CardId>,
    /// Whether there would have been more.
    pub cut_off: bool,
    /// Whether no model was asked for it.
    pub recorded: bool,
    /// What the answer cost that it belongs to.
    pub cost: Cost,
    /// The tokens of that answer.
    pub tokens: Tokens,
}

impl NewMessage {
    /// A message that is nothing but a text.
    pub fn new(kind: MessageKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            body: MessageBody { text: text.into(), ..MessageBody::default() },
            card: None,
            cut_off: false,
            recorded: false,
            cost: Cost::ZERO,
            tokens: Tokens::default(),
        }
    }
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its id.
    pub id: MessageId,
    /// Its thread.
    pub thread: ThreadId,
    /// Its place in the thread, from 1.
    pub seq: i64,
    /// What it is.
    pub what: NewMessage,
    /// When it came.
    pub created_at: Timestamp,
}
