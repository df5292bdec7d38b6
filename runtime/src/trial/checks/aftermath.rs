//! What came of one call, and of what came after it.

use intents::journal::{Called, Record};
use intents::outcome::Outcome;
use intents::trial::{Deed, Subject};
use serde_json::Value;

use super::trial::Base;
use crate::trial::execution::calls_of;
use crate::trial::plan::{Done, Moment};

/// What was there when a call had been made.
pub(super) fn moment_of<'m>(base: &'m Base<'_>, call: u32) -> Option<&'m Moment> {
    let is_call = |record: &Record| matches!(record, Record::Called(called) if called.call == call);
    let place = base.done.records.iter().position(is_call)?;
    base.done.moments.iter().find(|moment| moment.records == place + 1)
}

/// Whether a run asked for it, and a limit of the contract left it out for now.
pub(super) fn left_out(done: &Done, deed: &Deed) -> bool {
    let is_it = |called: &Called| {
        let key = called.key.as_ref().map(|key| Subject::Key(key.canonical()));
        called.tool == deed.tool && key.as_ref() == Some(&deed.subject)
    };
    calls_of(&done.records)
        .into_values()
        .any(|called| is_it(&called) && matches!(outcome_of(done, called.call), Some(Outcome::Skipped { .. })))
}

/// What a call came to.
pub(super) fn outcome_of(done: &Done, call: u32) -> Option<&Outcome> {
    done.records.iter().find_map(|record| match record {
        Record::Settled { call: of, outcome, .. } if *of == call => Some(&**outcome),
        Record::Settled { .. }
        | Record::Called(_)
        | Record::Began { .. }
        | Record::Faulted { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_)
        | Record::Ended { .. } => None,
    })
}

/// The tool of an effect that comes after a refused one, as it would have come after a performed one, about the same
/// thing.
pub(super) fn follows(base: &Base<'_>, refused: &Called, done: &Done) -> Option<String> {
    let parts = refused.key.as_ref()?.to_value();
    let parts: Vec<String> = parts.as_object()?.values().filter_map(name_of).collect();
    // Another key of the same tool is about another thing: what both say (a stage, a day) is no name of one.
    let others = calls_of(&base.done.records).into_values().filter(|called| called.call != refused.call);
    let others: Vec<Called> = others.filter(|called| called.tool == refused.tool).collect();
    let says = |called: &Called, part: &str| called.key.as_ref().is_some_and(|key| has(&key.to_value(), part));
    let telling: Vec<&String> = parts.iter().filter(|part| !others.iter().any(|other| says(other, part))).collect();
    let later = calls_of(&done.records).into_values().filter(|called| called.call > refused.call);
    let also_before = |called: &Called| {
        base.applied().iter().any(|deed| {
            let same_key = match (&deed.subject, &called.key) {
                (Subject::Key(key), Some(given)) => *key == given.canonical(),
                (Subject::Target(_), None) => true,
                (Subject::Key(_), None) | (Subject::Target(_), Some(_)) => false,
            };
            deed.tool == called.tool && deed.arguments == called.arguments && same_key
        })
    };
    let about_it = |called: &Called| {
        let arguments: Value = serde_json::from_str(&called.arguments).unwrap_or(Value::Null);
        let key = called.key.as_ref().map(intents::effect::Key::to_value).unwrap_or_default();
        telling.iter().any(|part| has(&key, part) || has(&arguments, part))
    };
    later.into_iter().find(|called| also_before(called) && about_it(called)).map(|called| called.tool.to_string())
}

/// The part of a key as text, where it is long enough to be told from others.
fn name_of(part: &Value) -> Option<String> {
    match part {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
    .filter(|text| text.len() >= 2)
}

/// Whether a value says a name anywhere.
fn has(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text.contains(name),
        Value::Number(number) => number.to_string() == name,
        Value::Array(items) => items.iter().any(|item| has(item, name)),
        Value::Object(members) => members.values().any(|member| has(member, name)),
        Value::Null | Value::Bool(_) => false,
    }
}
