//! What the host does itself, in its own store: state, sleep, events, questions, notices.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use intents::Timestamp;
use intents::canonical;
use intents::failure::Class;
use intents::journal::Record;
use intents::need::Choice;
use intents::outcome::{Failure, Outcome, Refusal};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::StateWrite;

/// A value of the state is a small memory, not a file.
const STATE_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Places that one run may change.
const STATE_WRITES_MAX: usize = 1000;
/// Data of an event or notice.
const EVENT_BYTES_MAX: usize = 64 * 1024;
/// A longer sleep is a schedule.
const SLEEP_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// The tool that asks the person.
pub(crate) const ASK: &str = "steward.ask";

/// A call that the host does itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HostCall {
    Sleep { ms: Option<u64>, until: Option<Timestamp> },
    WaitFor { event: String, until: Option<Timestamp> },
    Ask(Question),
    StateGet { key: String },
    StateSet { key: String, value: Option<Value> },
    Notify { title: String, text: String, level: String },
    Emit { name: String, data: Value },
}

/// What a script asks the person.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Question {
    pub(crate) question: String,
    pub(crate) options: Vec<String>,
    /// What helps the person to decide.
    pub(crate) text: Option<String>,
    /// The option that counts when nobody decides.
    pub(crate) otherwise: Option<String>,
    until_ms: Option<i64>,
}

impl Question {
    /// Until when it may be answered.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until_ms.map(Timestamp::from_millis)
    }

    /// What a choice means to the script.
    pub(crate) fn outcome_of(&self, choice: Choice) -> Outcome {
        let chosen = choice.option().and_then(|nth| self.options.get(nth.index()));
        chosen.map_or_else(undecided, |option| Outcome::Value(json!(option)))
    }

    /// Whether an outcome is an answer to it.
    pub(crate) fn may_come_to(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Value(value) => self.options.iter().any(|option| value == option.as_str()),
            Outcome::Refused(_) => true,
            Outcome::Skipped { .. } => false,
        }
    }

    /// What it comes to when nobody is asked, or nobody answers.
    pub(crate) fn lapsed(&self) -> Outcome {
        self.otherwise.as_ref().map_or_else(undecided, |option| Outcome::Value(json!(option)))
    }
}

/// What two calls of a tool have in common that say the same: their arguments, and of a question not until when it may be
/// answered.
pub(crate) fn alike<'a>(tool: &str, arguments: &'a str) -> Cow<'a, str> {
    if tool != ASK {
        return Cow::Borrowed(arguments);
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(mut asked)) => {
            asked.remove("until_ms");
            Cow::Owned(canonical::to_string(&Value::Object(asked)))
        }
        Ok(_) | Err(_) => Cow::Borrowed(arguments),
    }
}

#[derive(Deserialize)]
struct SleepArguments {
    ms: Option<u64>,
    until_ms: Option<i64>,
}

#[derive(Deserialize)]
struct WaitArguments {
    event: String,
    until_ms: Option<i64>,
}

#[derive(Deserialize)]
struct KeyArguments {
    key: String,
}

#[derive(Deserialize)]
struct SetArguments {
    key: String,
    value: Value,
}

#[derive(Deserialize)]
struct NotifyArguments {
    title: String,
    text: String,
    level: Option<String>,
}

#[derive(Deserialize)]
struct EmitArguments {
    name: String,
    #[serde(default)]
    data: Value,
}

fn invalid(tool: &str) -> Failure {
    Failure::new(Class::Logic, "ARGUMENTS_INVALID", format!("the arguments of {tool} do not fit its schema"))
}

fn read<T: serde::de::DeserializeOwned>(tool: &str, arguments: &Value) -> Result<T, Failure> {
    serde_json::from_value(arguments.clone()).map_err(|_| invalid(tool))
}

impl HostCall {
    /// Reads a call of one of the host's own tools.
    pub(crate) fn read(tool: &str, arguments: &Value) -> Result<Self, Failure> {
        Ok(match tool {
            "steward.sleep" => {
                let SleepArguments { ms, until_ms } = read(tool, arguments)?;
                if ms.is_none() == until_ms.is_none() {
                    return Err(invalid(tool));
                }
                Self::Sleep { ms, until: until_ms.map(Timestamp::from_millis) }
            }
            "steward.wait_for" => {
                let WaitArguments { event, until_ms } = read(tool, arguments)?;
                Self::WaitFor { event, until: until_ms.map(Timestamp::from_millis) }
            }
            ASK => {
                let question: Question = read(tool, arguments)?;
                let is_otherwise = |otherwise: &String| question.options.contains(otherwise);
                // Who answers `stop` means the run, and not an option.
                let is_choice = |option: &String| option.replace('-', "_").parse::<Choice>().is_ok();
                if !question.otherwise.as_ref().is_none_or(is_otherwise) || question.options.iter().any(is_choice) {
                    return Err(invalid(tool));
                }
                Self::Ask(question)
            }
            "state.get" => Self::StateGet { key: named(tool, read::<KeyArguments>(tool, arguments)?.key)? },
            "state.delete" => {
                Self::StateSet { key: named(tool, read::<KeyArguments>(tool, arguments)?.key)?, value: None }
            }
            "state.set" => {
                let SetArguments { key, value } = read(tool, arguments)?;
                let key = named(tool, key)?;
                bounded(tool, &value, STATE_VALUE_BYTES_MAX)?;
                Self::StateSet { key, value: Some(value) }
            }
            "notify.user" => {
                let NotifyArguments { title, text, level } = read(tool, arguments)?;
                Self::Notify { title, text, level: level.unwrap_or_else(|| "info".to_owned()) }
            }
            "events.emit" => {
                let EmitArguments { name, data } = read(tool, arguments)?;
                bounded(tool, &data, EVENT_BYTES_MAX)?;
                Self::Emit { name, data }
            }
            other => {
                return Err(Failure::new(Class::Internal, "TOOL_UNKNOWN", format!("the host does not know {other}")));
            }
        })
    }
}

/// A key that every database can hold.
fn named(tool: &str, key: String) -> Result<String, Failure> {
    if key.contains('\0') { Err(invalid(tool)) } else { Ok(key) }
}

fn bounded(tool: &str, value: &Value, bytes_max: usize) -> Result<(), Failure> {
    let bytes = value.to_string().len();
    if bytes <= bytes_max {
        return Ok(());
    }
    let message = format!("{tool} was given {bytes} bytes; it takes {bytes_max}");
    Err(Failure::new(Class::Logic, "ARGUMENTS_TOO_LARGE", message))
}

/// When a sleep ends that was called at a time.
pub(crate) fn wake_at(called_at: Timestamp, ms: Option<u64>, until: Option<Timestamp>) -> Timestamp {
    let wanted = until.unwrap_or_else(|| called_at + Duration::from_millis(ms.unwrap_or(0)));
    wanted.min(called_at + SLEEP_MAX)
}

/// The answer to a wait that nothing ended.
pub(crate) fn timed_out(event: &str) -> Outcome {
    Outcome::Refused(Refusal {
        code: "timed_out".to_owned(),
        message: format!("the event {event} did not come in time"),
        data: Value::Null,
    })
}

/// The answer to a question that nobody decided.
fn undecided() -> Outcome {
    Outcome::Refused(Refusal {
        code: "undecided".to_owned(),
        message: "nobody decided in time, or the person left it open".to_owned(),
        data: Value::Null,
    })
}

/// The answer to a wait that an event ended.
pub(crate) fn came(event: &str, data: Value) -> Outcome {
    Outcome::Value(json!({ "name": event, "data": data }))
}

/// What a run has seen and changed of the automation's state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    seen: BTreeMap<String, u64>,
    written: BTreeMap<String, Option<Value>>,
}

impl Overlay {
    /// What the journal says so far.
    pub(crate) fn from_records(records: &[Record]) -> Self {
        let mut overlay = Self::default();
        for record in records {
            match record {
                Record::StateRead { name, version } => overlay.saw(name, *version),
                Record::Called(called) if called.tool.service() == "state" => {
                    let arguments = serde_json::from_str(&called.arguments).unwrap_or(Value::Null);
                    if let Ok(HostCall::StateSet { key, value }) = HostCall::read(called.tool.as_str(), &arguments) {
                        overlay.written.insert(key, value);
                    }
                }
                Record::Called(_)
                | Record::Began { .. }
                | Record::Settled { .. }
                | Record::Faulted { .. }
                | Record::Reread { .. }
                | Record::Logged(_)
                | Record::Outside(_)
                | Record::Ended { .. } => {}
            }
        }
        overlay
    }

    /// What the run itself wrote, if it did.
    pub(crate) fn written(&self, key: &str) -> Option<Value> {
        self.written.get(key).map(|value| value.clone().unwrap_or(Value::Null))
    }

    /// Notes a version that the run saw; the first look counts.
    pub(crate) fn saw(&mut self, key: &str, version: u64) {
        self.seen.entry(key.to_owned()).or_insert(version);
    }

    pub(crate) fn write(&mut self, key: String, value: Option<Value>) -> Result<(), Failure> {
        self.written.insert(key, value);
        if self.written.len() > STATE_WRITES_MAX {
            let message = format!("a run changes at most {STATE_WRITES_MAX} places of the state");
            return Err(Failure::new(Class::Limit, "LIMIT_STATE", message));
        }
        Ok(())
    }

    /// What the end of the run writes and relies on; nothing when it wrote nothing.
    pub(crate) fn writes(self) -> Vec<StateWrite> {
        if self.written.is_empty() {
            return Vec::new();
        }
        let relied = self
            .seen
            .iter()
            .filter(|(name, _)| !self.written.contains_key(*name))
            .map(|(name, seen)| StateWrite { name: name.clone(), value: None, seen: Some(*seen) });
        let written = self.written.iter().map(|(name, value)| StateWrite {
            name: name.clone(),
            value: Some(value.clone()),
            seen: self.seen.get(name).copied(),
        });
        relied.chain(written).collect()
    }
}
