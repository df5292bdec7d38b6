//! Cases: what starts a simulated run, and what its reads lead to.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical::{self, Digest};
use intents::contract::{Contract, Source};
use intents::journal::{Record, recorded};
use intents::outcome::{Outcome, Refusal};
use intents::tool::Name;
use serde::Deserialize;
use serde_json::{Value, json};

/// When made cases begin, and recorded ones that do not say when: some weekday in the middle of an hour, so that a few
/// minutes later it is still the same hour.
const MADE_AT: Timestamp = Timestamp::from_millis(1_784_109_900_000);
/// More cases prove no more, and take time.
pub(super) const CASES_MAX: usize = 5;

/// What a call led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The tool.
    pub tool: Name,
    /// The canonical arguments.
    pub arguments: String,
    /// What it led to.
    pub outcome: Outcome,
}

/// What starts a run, and what its calls lead to.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it is, for people.
    pub name: String,
    /// The input of the run.
    pub input: Value,
    /// When it begins.
    pub at: Timestamp,
    /// What calls led to, in the order in which they were made.
    pub recordings: Vec<Recording>,
    /// What the automation's state holds.
    pub state: Vec<(String, Value)>,
    /// Whether nothing of it was recorded.
    pub made: bool,
}

/// Recordings that make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the recordings make no sense: {0}")]
pub struct Malformed(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<CaseBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseBody {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    input: Option<Value>,
    #[serde(default)]
    state: serde_json::Map<String, Value>,
    #[serde(default)]
    calls: Vec<CallBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    tool: Name,
    arguments: Value,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    refused: Option<Refusal>,
}

/// Reads cases from a file of recordings.
pub fn read_cases(file: &Value) -> Result<Vec<Case>, Malformed> {
    let File { cases } = serde_json::from_value(file.clone()).map_err(|error| Malformed(error.to_string()))?;
    cases.into_iter().enumerate().map(|(index, body)| case(index, body)).collect()
}

fn case(index: usize, body: CaseBody) -> Result<Case, Malformed> {
    let name = body.name.unwrap_or_else(|| format!("case {}", index + 1));
    let at = body.at.map(|at| at.parse::<jiff::Timestamp>().map(Timestamp::from_jiff)).transpose();
    let at = at.map_err(|error| Malformed(format!("{name}: `at`: {error}")))?.unwrap_or(MADE_AT);
    let recording = |call: CallBody| {
        let outcome = match (call.value, call.refused) {
            (Some(value), None) => Outcome::Value(value),
            (None, Some(refusal)) => Outcome::Refused(refusal),
            (None, None) => Outcome::Value(Value::Null),
            (Some(_), Some(_)) => return Err(Malformed(format!("{name}: a call has a value and was refused"))),
        };
        Ok(Recording { tool: call.tool, arguments: canonical::to_string(&call.arguments), outcome })
    };
    Ok(Case {
        input: body.input.unwrap_or_else(|| json!({ "trigger": "manual" })),
        at,
        recordings: body.calls.into_iter().map(recording).collect::<Result<_, _>>()?,
        state: body.state.into_iter().collect(),
        made: false,
        name,
    })
}

/// One made case for each kind of trigger of a contract.
pub fn cases_of(contract: &Contract) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for trigger in contract.triggers() {
        let (name, input) = match &trigger.source {
            Source::Schedule { .. } => ("a schedule", json!({ "trigger": "schedule", "slot": MADE_AT.to_string() })),
            Source::File { folder, matching, .. } => {
                let path = matching.as_str().replace("**/", "").replace('*', "sample").replace('?', "s");
                let input = json!({
                    "trigger": "file", "folder": folder.as_str(), "path": path, "size": 42,
                    "modified": MADE_AT.to_string(), "digest": Digest::of(b"sample").to_string(),
                });
                ("a file", input)
            }
            Source::Webhook { name, .. } => {
                ("a webhook", json!({ "trigger": "webhook", "webhook": name.as_str(), "data": {} }))
            }
            Source::Event { name } => ("an event", json!({ "trigger": "event", "event": name.as_str(), "data": {} })),
            Source::Manual => ("you", json!({ "trigger": "manual" })),
        };
        if cases.iter().all(|case| case.input["trigger"] != input["trigger"]) {
            cases.push(made(name, input));
        }
    }
    if cases.is_empty() {
        cases.push(made("you", json!({ "trigger": "manual" })));
    }
    cases
}

fn made(by: &str, input: Value) -> Case {
    let name = format!("a run that {by} starts");
    Case { name, input, at: MADE_AT, recordings: Vec::new(), state: Vec::new(), made: true }
}

impl Case {
    /// A case from the journal of a run; none when the run has not begun, or its payload was erased.
    pub fn of_journal(name: String, records: &[Record]) -> Option<Self> {
        let (input, at) = records.iter().find_map(|record| match record {
            Record::Began { input, at, .. } => Some((input.clone(), *at)),
            Record::Called(_)
            | Record::Settled { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => None,
        })?;
        let (mut recordings, mut state, mut written) = (Vec::new(), Vec::new(), Vec::new());
        let answers = answers_of(records);
        for call in recorded(records) {
            let arguments: Value = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
            let place = arguments["key"].as_str().unwrap_or_default().to_owned();
            match call.called.tool.as_str() {
                "state.set" | "state.delete" => written.push(place),
                "state.get" if !written.contains(&place) => {
                    if let Some(Outcome::Value(value)) = call.settled.map(|settled| (*settled.outcome).clone()) {
                        state.push((place, value));
                    }
                }
                _ => {
                    // What the script was not given, since it was not proven with it, is what a repair has to take.
                    let answer = || answers.get(&call.called.call).cloned();
                    let outcome = call.settled.map(|settled| (*settled.outcome).clone()).or_else(answer);
                    if let Some(outcome) = outcome {
                        let (tool, arguments) = (call.called.tool, call.called.arguments);
                        recordings.push(Recording { tool, arguments, outcome });
                    }
                }
            }
        }
        Some(Self { name, input, at, recordings, state, made: false })
    }
}

/// The answers that a run failed at, by call.
fn answers_of(records: &[Record]) -> BTreeMap<u32, Outcome> {
    records.iter().filter_map(Record::withheld).map(|(call, answer)| (call, answer.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_cases_begin_in_the_middle_of_an_hour() {
        let minute = MADE_AT.as_millis() / 60_000 % 60;
        assert!((1..40).contains(&minute), "{minute}");
    }

    #[test]
    fn a_call_has_one_outcome() {
        let call = |more: Value| {
            let mut call = json!({ "tool": "http.get", "arguments": { "url": "https://a.example" } });
            call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read_cases(&json!({ "cases": [{ "calls": [call] }] }))
        };
        let refused = json!({ "code": "gone", "message": "" });
        assert!(call(json!({ "value": 1 })).is_ok());
        assert!(call(json!({ "refused": refused })).is_ok());
        assert!(call(json!({ "refused": refused, "value": 1 })).is_err());
        assert!(read_cases(&json!({ "case": [] })).is_err());
    }
}
