//! What is looked at in every execution, whatever is tried.

use intents::canonical;
use intents::trial::{Check, Code, Finding, Sheet};
use serde_json::Value;

use super::trial::Trial;
use crate::trial::case::Case;
use crate::trial::plan::Done;

/// How much the data of an execution is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It was recorded.
    Recorded,
    /// Some of it was made up.
    MadeUp,
    /// Some of it is hostile.
    Hostile,
}

impl Tone {
    pub(super) fn of(done: &Done, case: &Case) -> Self {
        if done.generated > 0 || case.made { Self::MadeUp } else { Self::Recorded }
    }
}

/// Notes what the gate refused.
pub(super) fn at(sheet: &mut Sheet, check: Check, done: &Done, tone: Tone) {
    for denied in &done.denied {
        let is_key = denied.code.starts_with("GATE_KEY_");
        let made_of_data = !is_key || denied.code == "GATE_KEY_PARTS";
        let harmless = match tone {
            Tone::Recorded => false,
            // What was made up may lack what a call is made of; that a key is missing says nothing of the data.
            Tone::MadeUp => made_of_data,
            // A read that goes nowhere does no harm.
            Tone::Hostile => !denied.is_effect,
        };
        if harmless {
            sheet.counts.unexplored += 1;
            continue;
        }
        sheet.counts.violations += 1;
        let (call, tool, code) = (denied.call, &denied.tool, &denied.code);
        let (found, words) = match (is_key, tone) {
            (true, _) => (Code::KeyParts, format!("call {call}, `{tool}`: the gate refuses its key ({code})")),
            (false, Tone::Recorded | Tone::MadeUp) => {
                (Code::OutsideContract, format!("call {call}, `{tool}`: the gate refuses it ({code})"))
            }
            (false, Tone::Hostile) => (
                Code::Hostile,
                format!("call {call}, `{tool}`: with hostile strings in what was read, the gate refuses it ({code})"),
            ),
        };
        sheet.note(Finding::new(found, check, words));
    }
}

/// Notes keys that met other arguments.
pub(super) fn clashes(trial: &mut Trial<'_>, check: Check, done: &Done, code: Code, case: &Case) -> bool {
    let mut found = false;
    for clash in &done.clashes {
        // What has one key for each day, or for what started the run, meets nothing else in a real day.
        if !clash.within_run && trial.is_per_time_or_input(&clash.tool, &clash.key, case) {
            continue;
        }
        let parts = clash.key.names().collect::<Vec<_>>().join(", ");
        let words = if clash.within_run {
            format!(
                "`{}` is called twice in one run under the same key (per {parts}), with other arguments",
                clash.tool
            )
        } else {
            format!("`{}` was done before under the same key (per {parts}), with other arguments", clash.tool)
        };
        let code = if clash.within_run { Code::KeyCoarse } else { code };
        trial.sheet.note(Finding::new(code, check, words));
        found = true;
    }
    found
}

/// Words in the names of parts that say how long a key lives.
const PERIODS: [&str; 9] = ["minute", "hour", "day", "date", "week", "month", "quarter", "year", "slot"];

/// Whether the part of a key is a time that the user has confirmed: "one mail per invoice and day".
pub(super) fn is_period(part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    PERIODS.iter().any(|period| part.contains(period))
}

/// Whether a value stands anywhere in what started a run.
pub(super) fn says(input: &Value, value: &Value) -> bool {
    match input {
        Value::Array(items) => items.iter().any(|item| says(item, value)),
        Value::Object(members) => members.values().any(|member| says(member, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            canonical::to_string(input) == canonical::to_string(value)
        }
    }
}
