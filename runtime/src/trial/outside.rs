//! What lies beyond the gate: answers from recordings, and from samples where nothing is recorded.

use std::collections::BTreeMap;

use connectors::Tool;
use intents::journal::{Record, recorded};
use intents::label::Labels;
use intents::outcome::Outcome;
use intents::tool::{Definition, Name};
use intents::trial::{Deed, Subject, made};
use serde_json::Value;

use super::bench::Bench;
use super::case::Case;
use super::twist::Twist;
use crate::executor::host::{self, Question};

/// Answers of one execution.
pub(super) struct Outside<'c> {
    case: &'c Case,
    twist: Twist,
    /// How often each call was answered.
    answered: BTreeMap<(Name, String), usize>,
    /// Reads so far.
    reads: u32,
    /// Reads that nothing was recorded for.
    pub(super) generated: u32,
    /// Questions that nobody recorded an answer to.
    pub(super) assumed: u32,
}

impl<'c> Outside<'c> {
    /// An outside that has given the answers of a journal already.
    pub(super) fn new(case: &'c Case, twist: Twist, records: &[Record]) -> Self {
        let mut outside = Self { case, twist, answered: BTreeMap::new(), reads: 0, generated: 0, assumed: 0 };
        for call in recorded(records).into_iter().filter(|call| call.settled.is_some()) {
            outside.count(&call.called.tool, &call.called.arguments);
        }
        outside
    }

    /// What a read leads to.
    pub(super) fn read(&mut self, bench: &Bench, definition: &Definition, arguments: &str) -> Outcome {
        let nth = self.reads;
        self.reads += 1;
        let outcome = self.recorded(definition, arguments, self.twist.is_loose()).unwrap_or_else(|| {
            self.generated += 1;
            made(definition, arguments, &bench.seed)
        });
        self.twist.read(&bench.tools, definition, nth, outcome)
    }

    /// What was answered to a question.
    pub(super) fn told(&mut self, definition: &Definition, question: &Question, arguments: &str) -> Option<Outcome> {
        self.recorded(definition, arguments, false).filter(|outcome| question.may_come_to(outcome))
    }

    /// What an effect leads to. Only that it was recorded as done counts: whether it is refused is the mishap's matter.
    pub(super) fn effect(&mut self, bench: &Bench, definition: &Definition, arguments: &str) -> Outcome {
        match self.recorded(definition, arguments, false) {
            Some(Outcome::Value(value)) => Outcome::Value(value),
            Some(Outcome::Refused(_) | Outcome::Skipped { .. }) | None => made(definition, arguments, &bench.seed),
        }
    }

    /// Counts a call; says how many alike were answered before it.
    fn count(&mut self, tool: &Name, arguments: &str) -> usize {
        let alike = host::alike(tool.as_str(), arguments).into_owned();
        let count = self.answered.entry((tool.clone(), alike)).or_insert(0);
        *count += 1;
        *count - 1
    }

    /// The recorded outcome of a call: the nth time that of the nth recording, and then the last one again.
    fn recorded(&mut self, definition: &Definition, arguments: &str, loose: bool) -> Option<Outcome> {
        let nth = self.count(&definition.name, arguments);
        let of_tool = || self.case.recordings.iter().filter(|recording| recording.tool == definition.name);
        let tool = definition.name.as_str();
        let alike = host::alike(tool, arguments);
        let exact: Vec<_> = of_tool().filter(|recording| host::alike(tool, &recording.arguments) == alike).collect();
        let found = exact.get(nth.min(exact.len().saturating_sub(1))).copied();
        let found = found.or_else(|| if loose { of_tool().nth(nth).or_else(|| of_tool().next()) } else { None });
        found.map(|recording| recording.outcome.clone())
    }
}

/// Where the data of a read comes from.
pub(super) fn labels(definition: &Definition, arguments: &Value) -> Labels {
    definition.sources(arguments)
}

/// What an effect is, as it is compared.
pub(super) fn deed(tool: &dyn Tool, arguments: &Value, canonical: &str, key: Option<String>) -> Deed {
    let definition = tool.definition();
    let subject = key.map_or_else(|| Subject::Target(target(tool, definition, arguments, canonical)), Subject::Key);
    Deed { tool: definition.name.clone(), subject, arguments: canonical.to_owned() }
}

/// What an effect without a key acts upon.
fn target(tool: &dyn Tool, definition: &Definition, arguments: &Value, canonical: &str) -> String {
    let touches = tool.touches(arguments);
    if !touches.writes.is_empty() {
        let places = touches.writes.iter().map(|written| format!("{}/{}", written.place.folder, written.place.path));
        return places.collect::<Vec<_>>().join(" ");
    }
    let address = definition.connects_at.as_ref().and_then(|at| at.get(arguments)).and_then(Value::as_str);
    address.map_or_else(|| canonical.to_owned(), |address| format!("{} {address}", arguments["method"]))
}
