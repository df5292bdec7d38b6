//! Answers that were stored before: for demonstrations and tests, anywhere, without a key and a network.
//!
//! A recording is a JSON file. An answer with `when` is given to a question that it fits; those without are given in
//! their order. A question that none is left for gets none.

use std::collections::BTreeSet;
use std::path::Path;

use intents::canonical::Digest;
use intents::model::{Problem, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::{Ask, Delta};
use super::assemble::Whole;
use super::endpoint::Audience;
use super::error::{Code, Error};
use super::message::{Arguments, Finish, Message, ToolCall};
use super::request::digest_of;
use super::transport::CallFault;

/// A recording is some conversations, no archive.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The version of the format.
const VERSION: u32 = 1;
/// Characters of a piece of a recorded answer: some words, as models send them.
const PIECE_CHARS: usize = 24;

/// Answers that were stored before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    version: u32,
    answers: Vec<Recorded>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// Which question it answers; the next one, where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    when: Option<When>,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    /// The tools that it calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<RecordedCall>,
    /// What it took when it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<RecordedUsage>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedCall {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    name: String,
    /// JSON, or a text that was to be some.
    arguments: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct RecordedUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
}

/// Which question an answer is for: everything that is said has to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    /// What the last message of the user contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_contains: Option<String>,
    /// What the last message contains, whoever said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_contains: Option<String>,
    /// The digest of the whole question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request: Option<Digest>,
}

impl When {
    fn holds(&self, ask: &Ask) -> bool {
        let user = ask.messages.iter().rev().find_map(|message| match message {
            Message::User { text } => Some(text.as_str()),
            Message::System { .. } | Message::Assistant { .. } | Message::Tool { .. } => None,
        });
        let last = ask.messages.last().map(|message| match message {
            Message::User { text }
            | Message::System { text }
            | Message::Assistant { text, .. }
            | Message::Tool { text, .. } => text.as_str(),
        });
        let contains = |wanted: &Option<String>, text: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| text.is_some_and(|text| text.contains(wanted.as_str())))
        };
        contains(&self.user_contains, user)
            && contains(&self.last_contains, last)
            && self.request.is_none_or(|digest| digest == digest_of(ask))
    }
}

fn unreadable(file: &Path, reason: impl std::fmt::Display) -> Error {
    let message = format!("the recording `{}` cannot be used: {reason}", file.display());
    Error::new(Code::ModelRecording, message)
}

impl Recording {
    /// Reads a recording.
    pub async fn read(file: &Path) -> Result<Self, Error> {
        let known = tokio::fs::metadata(file).await.map_err(|error| unreadable(file, error))?;
        if !known.is_file() || known.len() > FILE_BYTES_MAX {
            return Err(unreadable(file, format!("it is no file of at most {FILE_BYTES_MAX} bytes")));
        }
        let bytes = tokio::fs::read(file).await.map_err(|error| unreadable(file, error))?;
        let recording: Self = serde_json::from_slice(&bytes).map_err(|error| unreadable(file, error))?;
        if recording.version != VERSION {
            return Err(unreadable(file, format!("its version is {}, and this is {VERSION}", recording.version)));
        }
        Ok(recording)
    }

    /// Which answer a question gets, when these were given: one that fits and was not given, then one that fits, then the
    /// next in order.
    pub(super) fn choose(&self, ask: &Ask, given: &BTreeSet<u32>) -> Result<u32, Error> {
        let numbered = || (0u32..).zip(&self.answers);
        let fits = |answer: &Recorded| answer.when.as_ref().is_some_and(|when| when.holds(ask));
        let fresh = numbered().find(|(index, answer)| fits(answer) && !given.contains(index));
        let again = || numbered().filter(|(_, answer)| fits(answer)).last();
        let next = || numbered().find(|(index, answer)| answer.when.is_none() && !given.contains(index));
        let chosen = fresh.or_else(again).or_else(next);
        chosen.map(|(index, _)| index).ok_or_else(|| {
            let digest = digest_of(ask);
            let message = format!("the recording has no answer left for the question with the digest {digest}");
            Error::new(Code::ModelRecording, message)
        })
    }

    /// Plays an answer as an endpoint would send it.
    pub(super) async fn play(&self, index: u32, ask: &Ask, audience: &mut Audience) -> Result<Whole, CallFault> {
        let Some(recorded) = self.answers.get(index as usize) else {
            return Err(CallFault::new(Problem::Refused, "the recording has changed meanwhile"));
        };
        let text = recorded.content.clone().unwrap_or_default();
        let characters: Vec<_> = text.chars().collect();
        for piece in characters.chunks(PIECE_CHARS) {
            audience.tell(vec![Delta::Text(piece.iter().collect())]).await;
            if audience.stop.as_ref().is_some_and(|stop| *stop.borrow()) {
                return Err(CallFault::new(Problem::Stopped, "it was stopped"));
            }
        }
        let calls: Vec<_> =
            recorded.tool_calls.iter().enumerate().map(|(at, call)| call.play(at, index, ask)).collect();
        for (at, call) in calls.iter().enumerate() {
            let arguments = match &call.arguments {
                Arguments::Json(value) => value.to_string(),
                Arguments::Broken(text) => text.clone(),
            };
            audience.tell(vec![Delta::Call { index: at, name: call.name.clone(), arguments }]).await;
        }
        let finish = if calls.is_empty() { Finish::Stop } else { Finish::Calls };
        let tokens = recorded.usage.map_or_else(Tokens::default, |usage| Tokens {
            input: usage.prompt_tokens,
            output: usage.completion_tokens,
        });
        Ok(Whole { text, calls, finish, model: None, tokens: Some(tokens) })
    }
}

impl RecordedCall {
    fn play(&self, at: usize, index: u32, ask: &Ask) -> ToolCall {
        let arguments = match self.arguments.as_str() {
            Some(text) => Arguments::read(text),
            None => Arguments::Json(self.arguments.clone()),
        };
        ToolCall {
            id: self.id.clone().unwrap_or_else(|| format!("call_{index}_{at}")),
            offered: ask.tools.iter().any(|tool| tool.name == self.name),
            name: self.name.clone(),
            arguments,
        }
    }
}

#[cfg(test)]
mod tests {
    use intents::model::Purpose;
    use serde_json::json;

    use super::*;

    fn recording(answers: Value) -> Recording {
        serde_json::from_value(json!({ "version": 1, "answers": answers })).unwrap()
    }

    fn ask(text: &str) -> Ask {
        Ask::new("r", Purpose::Chat, vec![Message::user(text)])
    }

    #[test]
    fn an_answer_that_fits_goes_before_the_next_in_order() {
        let recording = recording(json!([
            { "content": "first" },
            { "when": { "user_contains": "invoice" }, "content": "about invoices" },
            { "content": "second" },
        ]));
        let given = |list: &[u32]| list.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(recording.choose(&ask("the invoice"), &given(&[])), Ok(1));
        assert_eq!(recording.choose(&ask("the invoice"), &given(&[1])), Ok(1));
        assert_eq!(recording.choose(&ask("hello"), &given(&[1])), Ok(0));
        assert_eq!(recording.choose(&ask("hello"), &given(&[0, 1])), Ok(2));
        let none = recording.choose(&ask("hello"), &given(&[0, 1, 2])).unwrap_err();
        assert_eq!(none.code(), Code::ModelRecording);
    }

    #[test]
    fn a_question_is_known_by_its_digest_whatever_the_model() {
        let digest = digest_of(&ask("exactly this"));
        let recording = recording(json!([{ "when": { "request": digest }, "content": "known" }]));
        assert_eq!(recording.choose(&ask("exactly this"), &BTreeSet::new()), Ok(0));
        assert!(recording.choose(&ask("exactly that"), &BTreeSet::new()).is_err());
    }
}
