//! An answer is put together from what an endpoint sends, piece by piece or at once.

use intents::model::{Problem, TOKENS_MAX, Tokens};
use serde_json::Value;

use super::ask::{Ask, Delta};
use super::message::{Arguments, Finish, ToolCall};
use super::transport::CallFault;

/// Text and arguments of one answer: a long book. What comes after is cut off.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Tools that one answer may call: more are a model that goes in circles.
const CALLS_MAX: usize = 128;
/// Ids and names of calls.
const NAME_BYTES_MAX: usize = 256;

/// An answer as far as it has come.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Assembly {
    text: String,
    calls: Vec<Piece>,
    finish: Option<Finish>,
    model: Option<String>,
    tokens: Option<Tokens>,
    bytes: usize,
    cut: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Piece {
    id: String,
    name: String,
    arguments: String,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
    pub(super) finish: Finish,
    pub(super) model: Option<String>,
    pub(super) tokens: Option<Tokens>,
}

impl Assembly {
    /// Whether the answer is longer than one may be; what comes after need not be read.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Takes a piece of a stream; gives what is new in it.
    pub(super) fn take_chunk(&mut self, chunk: &Value) -> Result<Vec<Delta>, CallFault> {
        self.take(chunk, "delta")
    }

    /// Takes a whole answer.
    pub(super) fn take_whole(&mut self, answer: &Value) -> Result<Vec<Delta>, CallFault> {
        let deltas = self.take(answer, "message")?;
        if answer["choices"][0]["message"].is_object() && self.finish.is_none() {
            self.finish = Some(Finish::Other);
        }
        Ok(deltas)
    }

    fn take(&mut self, value: &Value, member: &str) -> Result<Vec<Delta>, CallFault> {
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(CallFault::said(Problem::Broken, error));
        }
        if !value.is_object() {
            return Err(CallFault::new(Problem::Broken, "it sent something that is no part of an answer"));
        }
        if let Some(model) = value["model"].as_str() {
            self.model = Some(bounded(model));
        }
        if let Some(tokens) = tokens_of(&value["usage"]) {
            self.tokens = Some(tokens);
        }
        let choice = &value["choices"][0];
        let said = &choice[member];
        let mut deltas = Vec::new();
        if let Some(text) = said["content"].as_str()
            && !text.is_empty()
            && let Some(text) = self.within(text)
        {
            self.text.push_str(&text);
            deltas.push(Delta::Text(text));
        }
        for (at, call) in said["tool_calls"].as_array().into_iter().flatten().enumerate() {
            deltas.extend(self.take_call(at, call));
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish = Some(finish(reason));
        }
        Ok(deltas)
    }

    /// Takes a piece of a call. Some endpoints number their calls, others send each at once.
    fn take_call(&mut self, at: usize, call: &Value) -> Option<Delta> {
        let numbered = call["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        let id = call["id"].as_str().unwrap_or_default();
        let index = match numbered {
            Some(index) => index,
            None if id.is_empty() => self.calls.len().saturating_sub(1).max(at),
            None => self.calls.iter().position(|known| known.id == id).unwrap_or(self.calls.len()),
        };
        if index >= CALLS_MAX {
            self.cut = true;
            return None;
        }
        let function = &call["function"];
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Object(_) => function["arguments"].to_string(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => String::new(),
        };
        let arguments = self.within(&arguments)?;
        if self.calls.len() <= index {
            self.calls.resize(index + 1, Piece::default());
        }
        let piece = &mut self.calls[index];
        if piece.id.is_empty() {
            piece.id = bounded(id);
        }
        if let Some(name) = function["name"].as_str().filter(|_| piece.name.is_empty()) {
            piece.name = bounded(name);
        }
        piece.arguments.push_str(&arguments);
        Some(Delta::Call { index, name: piece.name.clone(), arguments })
    }

    /// As much of a text as the answer may still hold. None when nothing fits.
    fn within(&mut self, text: &str) -> Option<String> {
        if self.cut {
            return None;
        }
        let left = ANSWER_BYTES_MAX - self.bytes;
        let end = text.floor_char_boundary(left);
        self.cut = end < text.len();
        self.bytes += end;
        Some(text[..end].to_owned())
    }

    /// The answer, when it is whole. One that broke off in the middle is none.
    pub(super) fn whole(self, ask: &Ask) -> Result<Whole, CallFault> {
        let finish = match (self.cut, self.finish) {
            (true, _) => Finish::Cut,
            (false, Some(finish)) => finish,
            (false, None) => return Err(CallFault::new(Problem::Broken, "the answer broke off in the middle")),
        };
        let offered = |name: &str| ask.tools.iter().any(|tool| tool.name == name);
        let mut calls: Vec<_> = self
            .calls
            .into_iter()
            .enumerate()
            .filter(|(_, piece)| !piece.name.is_empty())
            .map(|(at, piece)| ToolCall {
                // What answers a call names it by its id, so each has one.
                id: if piece.id.is_empty() { format!("call_{at}") } else { piece.id },
                offered: offered(&piece.name),
                arguments: Arguments::read(&piece.arguments),
                name: piece.name,
            })
            .collect();
        if finish == Finish::Cut {
            // The last one may have lost its end.
            calls.pop();
        }
        let finish = if finish == Finish::Stop && !calls.is_empty() { Finish::Calls } else { finish };
        Ok(Whole { text: self.text, calls, finish, model: self.model, tokens: self.tokens })
    }
}

fn bounded(text: &str) -> String {
    text[..text.floor_char_boundary(NAME_BYTES_MAX)].to_owned()
}

fn finish(reason: &str) -> Finish {
    match reason {
        "stop" | "end_turn" | "eos" => Finish::Stop,
        "tool_calls" | "function_call" => Finish::Calls,
        "length" | "max_tokens" => Finish::Length,
        "content_filter" => Finish::Filtered,
        _ => Finish::Other,
    }
}

/// The tokens that an endpoint reports. What no model can have used is no report.
pub(super) fn tokens_of(usage: &Value) -> Option<Tokens> {
    let count = |name: &str| usage[name].as_u64().filter(|tokens| *tokens <= TOKENS_MAX);
    Some(Tokens { input: count("prompt_tokens")?, output: count("completion_tokens")? })
}

#[cfg(test)]
mod tests {
    use intents::model::Purpose;
    use serde_json::json;

    use super::*;
    use crate::models::ToolOffer;

    fn ask() -> Ask {
        let mut ask = Ask::new("r", Purpose::Chat, Vec::new());
        ask.tools = vec![ToolOffer { name: "look".into(), description: String::new(), parameters: json!({}) }];
        ask
    }

    fn assembled(chunks: &[Value]) -> Result<Whole, CallFault> {
        let mut assembly = Assembly::default();
        for chunk in chunks {
            assembly.take_chunk(chunk)?;
        }
        assembly.whole(&ask())
    }

    #[test]
    fn calls_come_in_pieces_and_unknown_tools_are_said_to_be_so() {
        let piece = |index: u64, name: Value, arguments: &str| {
            json!({ "choices": [{ "delta": { "tool_calls": [
            { "index": index, "id": name.as_str().map(|name| format!("id-{name}")),
              "function": { "name": name, "arguments": arguments } }] } }] })
        };
        let whole = assembled(&[
            piece(0, json!("look"), "{\"at\""),
            piece(1, json!("rob"), "{"),
            piece(0, Value::Null, ":1}"),
            json!({ "choices": [{ "delta": {}, "finish_reason": "tool_calls" }] }),
            json!({ "choices": [], "usage": { "prompt_tokens": 7, "completion_tokens": 3 } }),
        ])
        .unwrap();
        assert_eq!(whole.tokens, Some(Tokens { input: 7, output: 3 }));
        let said: Vec<_> = whole.calls.iter().map(|call| (call.name.as_str(), call.offered, &call.arguments)).collect();
        let (read, broken) = (Arguments::Json(json!({ "at": 1 })), Arguments::Broken("{".to_owned()));
        assert_eq!(said, [("look", true, &read), ("rob", false, &broken)]);
    }

    #[test]
    fn a_stream_that_stops_in_the_middle_is_no_answer() {
        let half = assembled(&[json!({ "choices": [{ "delta": { "content": "I thi" } }] })]);
        assert_eq!(half.unwrap_err().problem, Problem::Broken);
        let failed = assembled(&[json!({ "error": { "message": "overloaded" } })]);
        assert_eq!(failed.unwrap_err().problem, Problem::Broken);
    }

    #[test]
    fn an_answer_without_end_is_cut() {
        let mut assembly = Assembly::default();
        let chunk = json!({ "choices": [{ "delta": { "content": "ä".repeat(ANSWER_BYTES_MAX / 4 + 1) } }] });
        while !assembly.is_cut() {
            assembly.take_chunk(&chunk).unwrap();
        }
        assembly.take_chunk(&chunk).unwrap();
        let whole = assembly.whole(&ask()).unwrap();
        assert_eq!(whole.finish, Finish::Cut);
        assert!(whole.text.len() <= ANSWER_BYTES_MAX && whole.text.len() + 2 > ANSWER_BYTES_MAX);
    }

    #[test]
    fn a_report_that_cannot_be_is_none() {
        for usage in [
            json!(null),
            json!({}),
            json!({ "prompt_tokens": -1, "completion_tokens": 1 }),
            json!({ "prompt_tokens": u64::MAX, "completion_tokens": 1 }),
            json!({ "prompt_tokens": 1 }),
        ] {
            assert_eq!(tokens_of(&usage), None, "{usage}");
        }
    }
}
