//! `inspect`: what is recorded about the failure.

use intents::journal::{Record, recorded};
use intents::outcome::Outcome;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Came, Desk, told};
use crate::error::Error;
use crate::maintainer::evidence::answer_of;
use crate::models::fenced;
use crate::planner::conversation::shortened;

/// Characters of what a model is told at once.
const TOLD_CHARS: usize = 40_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inspect {
    what: What,
    #[serde(default)]
    of: Of,
    #[serde(default)]
    call: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    FailingRun,
    LastGoodRun,
    Call,
    Contract,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Of {
    #[default]
    FailingRun,
    LastGoodRun,
}

pub(super) async fn inspect(desk: &Desk<'_>, inspect: &Inspect) -> Result<Came, Error> {
    let evidence = desk.evidence;
    let good: &[Record] = evidence.good.as_ref().map_or(&[], |(_, records)| records);
    let text = match inspect.what {
        What::FailingRun => evidence.calls(&evidence.failed),
        What::LastGoodRun => evidence.calls(good),
        What::Contract => evidence.value(&evidence.contract.to_value()),
        What::Call => {
            let records = match inspect.of {
                Of::FailingRun => &evidence.failed,
                Of::LastGoodRun => good,
            };
            whole(desk, records, inspect.call)
        }
    };
    Ok(told(fenced(&shortened(&text, TOLD_CHARS))))
}

fn whole(desk: &Desk<'_>, records: &[Record], number: u32) -> String {
    let Some(call) = recorded(records).into_iter().find(|call| call.called.call == number) else {
        return format!("There is no call {number}.");
    };
    let arguments: Value = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
    let outcome = match call.settled.as_ref().map(|settled| settled.outcome.as_ref()) {
        Some(Outcome::Value(value)) => json!({ "result": value }),
        Some(Outcome::Refused(refusal)) => json!({ "refused": refusal }),
        Some(Outcome::Skipped { clause }) => json!({ "skipped": clause }),
        None => json!({ "answered_and_not_given_to_the_script": answer_of(records, number) }),
    };
    let shown = json!({
        "call": number, "tool": call.called.tool.as_str(), "arguments": arguments, "outcome": outcome,
        "allowed_by": call.called.verdict,
    });
    desk.evidence.value(&shown)
}
