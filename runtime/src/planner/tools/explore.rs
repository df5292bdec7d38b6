//! `explore`: the model's JavaScript in the jail, under a contract that follows from what the person named.
//!
//! A place that the person did not name is refused, whoever asks for it.

use std::sync::Arc;

use intents::chat::{Seen, session_contract};
use intents::contract::Contract;
use intents::failure::Class;
use intents::label::Labels;
use intents::redact::{Policy, redact};
use intents::tool::Definition;
use serde::Deserialize;
use serde_json::json;

use super::{Carried, Desk, Tool};
use crate::chat::Step;
use crate::error::Error;
use crate::explore::{End, Looked, Rules, look};
use crate::models::fenced;
use crate::planner::conversation::shortened;

/// Characters of what a model is told of one look.
const TOLD_CHARS: usize = 24_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explore {
    js: String,
}

pub(super) async fn explore(desk: &Desk<'_>, explore: Explore) -> Result<Carried, Error> {
    let vocabulary: Vec<Definition> = desk.app.catalogue.definitions().cloned().collect();
    let contract = Contract::from_value(&session_contract(desk.named), &vocabulary).map_err(Error::Contract)?;
    let rules = Rules {
        contract: Arc::new(contract),
        places: format!(
            "what the user has pointed at in this conversation ({}). Ask the user with ask_user to name what you need; \
             they have to write the address or the folder themselves",
            places(desk)
        ),
        seen: seen_before(desk),
        labels: Labels::new(),
        veil: None,
        named: Some(desk.named),
        input: json!({ "trigger": "manual" }),
        given: Vec::new(),
        adapters: &[],
    };
    Ok(carried(look(desk.app, rules, &explore.js).await?))
}

/// The places that may be looked at, in words.
fn places(desk: &Desk<'_>) -> String {
    let named = desk.named;
    let mut places: Vec<_> = named.origins.iter().cloned().collect();
    places.extend(named.folders.iter().map(|folder| format!("the folder `{folder}`")));
    if places.is_empty() { "none: the user has named no host and no folder".to_owned() } else { places.join(", ") }
}

/// What was read in the conversation before.
fn seen_before(desk: &Desk<'_>) -> Vec<Seen> {
    let mut seen = Vec::new();
    for row in desk.steps {
        match &row.step {
            Step::Result { recorded, .. } => seen.extend(
                recorded.iter().map(|call| Seen { arguments: call.arguments.clone(), labels: call.labels.clone() }),
            ),
            Step::User { .. } | Step::Host { .. } | Step::Answer { .. } => {}
        }
    }
    seen
}

/// What the model is told, and what the person sees.
fn carried(looked: Looked) -> Carried {
    let Looked { end, recorded, made, logs } = looked;
    let (ok, came) = match &end {
        End::Finished(value) => (true, json!({ "returned": redact(value, &[], Policy::Secrets) })),
        End::Failed(failure) => {
            (false, json!({ "failed": failure.message, "code": failure.code, "class": failure.class.as_str() }))
        }
    };
    let mut told = came;
    if !logs.is_empty() {
        told["log"] = json!(logs);
    }
    told["calls"] = json!(made);
    let text = serde_json::to_string_pretty(&told).unwrap_or_default();
    let reads = recorded.len();
    let line = match (&end, reads) {
        (End::Failed(failure), _) if failure.class == Class::Permission => {
            "wanted to look where you did not point, and was refused".to_owned()
        }
        (End::Failed(failure), _) => format!("looked around, and failed: {}", failure.code),
        (End::Finished(_), 0) => "tried something out, reading nothing".to_owned(),
        (End::Finished(_), _) => format!("looked around: {}", summary(&made)),
    };
    let mut carried = Carried::new(Tool::Explore, ok, fenced(&shortened(&text, TOLD_CHARS)), line);
    carried.recorded = recorded;
    carried
}

/// The calls in a few words: equal ones are counted.
fn summary(made: &[String]) -> String {
    const SHOWN_MAX: usize = 4;
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for line in made {
        match counted.iter_mut().find(|(known, _)| known == line) {
            Some((_, count)) => *count += 1,
            None => counted.push((line, 1)),
        }
    }
    let more = counted.len().saturating_sub(SHOWN_MAX);
    let words = counted.iter().take(SHOWN_MAX).map(|(line, count)| match count {
        1 => (*line).to_owned(),
        count => format!("{line} ({count} times)"),
    });
    let mut words: Vec<_> = words.collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_calls_are_counted() {
        let made = ["a", "b", "a", "c", "d", "e"].map(str::to_owned);
        assert_eq!(summary(&made), "a (2 times), b, c, d, and 1 more");
    }
}
