//! The world that a draft is tried in: what was read in the conversation, as the recordings of the trial.

use intents::Timestamp;
use intents::contract::{Contract, Glob, Source};
use intents::schedule::next_slot;
use serde_json::{Value, json};

use crate::chat::{RecordedCall, Step, StepRow};
use crate::trial::cases_of;

/// Files of a folder that become cases.
const FILES_MAX: usize = 3;
/// Calls of a world, the newest of them.
const CALLS_MAX: usize = 300;

/// What was read in a conversation. Of the same call the last outcome counts: the world is as it is now.
pub(super) fn read_in(steps: &[StepRow]) -> Vec<&RecordedCall> {
    let mut calls: Vec<&RecordedCall> = Vec::new();
    for row in steps {
        if let Step::Result { recorded, .. } = &row.step {
            // What was too long to be kept is nothing to try with.
            for call in recorded.iter().filter(|call| call.value.is_some() || call.refused.is_some()) {
                calls.retain(|known| known.tool != call.tool || known.arguments != call.arguments);
                calls.push(call);
            }
        }
    }
    let older = calls.len().saturating_sub(CALLS_MAX);
    calls.split_off(older)
}

/// The recordings of a trial: a case for each kind of trigger, and for each of some files that were seen. None where
/// nothing was read.
pub(super) fn recordings(contract: &Contract, calls: &[&RecordedCall], now: Timestamp) -> Option<Value> {
    if calls.is_empty() {
        return None;
    }
    let mut cases = Vec::new();
    for made in cases_of(contract) {
        let files = files_of(contract, &made.input, calls);
        if files.is_empty() {
            let (at, input) = placed(contract, made.input, now);
            cases.push(case(&made.name, at, &input, calls));
        }
        for input in files {
            cases.push(case(&format!("the file {}", input["path"]), now, &input, calls));
        }
    }
    Some(json!({ "cases": cases }))
}

fn case(name: &str, at: Timestamp, input: &Value, calls: &[&RecordedCall]) -> Value {
    let calls = calls.iter().map(|call| {
        let mut told = json!({ "tool": call.tool, "arguments": call.arguments });
        match &call.refused {
            Some(refused) => told["refused"] = json!(refused),
            None => told["value"] = json!(call.value),
        }
        told
    });
    json!({ "name": name, "at": at.to_string(), "input": input, "calls": calls.collect::<Vec<_>>() })
}

/// When a case begins: a schedule at its next time, since what it does may depend on the day.
fn placed(contract: &Contract, input: Value, now: Timestamp) -> (Timestamp, Value) {
    let next = contract.triggers().iter().find_map(|trigger| match &trigger.source {
        Source::Schedule { cron, zone, .. } => next_slot(cron, zone, now),
        Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => None,
    });
    match next {
        Some(slot) if input["trigger"] == "schedule" => {
            (slot, json!({ "trigger": "schedule", "slot": slot.to_string() }))
        }
        Some(slot) => (slot, input),
        None => (now, input),
    }
}

/// The files that were seen and that a trigger would have started runs for.
fn files_of(contract: &Contract, input: &Value, calls: &[&RecordedCall]) -> Vec<Value> {
    if input["trigger"] != "file" {
        return Vec::new();
    }
    let of_trigger = |source: &Source| match source {
        Source::File { folder, matching, .. } => Some((folder.to_string(), matching.clone())),
        Source::Schedule { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => None,
    };
    let triggers: Vec<(String, Glob)> =
        contract.triggers().iter().filter_map(|trigger| of_trigger(&trigger.source)).collect();
    let read = calls.iter().filter(|call| call.tool == "files.read").filter_map(|call| {
        let (folder, path) = (call.arguments["folder"].as_str()?, call.arguments["path"].as_str()?);
        let value = call.value.as_ref()?;
        triggers.iter().any(|(of, matching)| of == folder && matching.matches(path)).then(|| {
            json!({
                "trigger": "file", "folder": folder, "path": path, "size": value["size"],
                "modified": value["modified"], "digest": value["digest"],
            })
        })
    });
    read.take(FILES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use intents::model::{Cost, Tokens};

    use super::*;

    #[test]
    fn the_world_is_as_it_was_seen_last() {
        let call = |value: i64| RecordedCall {
            tool: "http.get".to_owned(),
            arguments: json!({ "url": "https://a.example" }),
            value: Some(json!(value)),
            refused: None,
            labels: intents::label::Labels::new(),
        };
        let row = |number, value| StepRow {
            number,
            step: Step::Result {
                call: "c".to_owned(),
                tool: "explore".to_owned(),
                text: String::new(),
                rests: false,
                recorded: vec![call(value)],
            },
            cost: Cost::ZERO,
            tokens: Tokens::default(),
        };
        let steps = [row(1, 1), row(2, 2)];
        let read: Vec<_> = read_in(&steps).into_iter().map(|call| call.value.clone()).collect();
        assert_eq!(read, [Some(json!(2))]);
    }
}
