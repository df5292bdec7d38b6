//! A golden run as it is kept.

use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::outcome::Outcome;
use intents::tool::Name;
use intents::trial::{Deed, Subject};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::trial::{Case, Past, Recording};

/// The version of this shape.
const VERSION: u32 = 1;

/// A golden run that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the golden run makes no sense: {0}")]
pub struct Malformed(String);

#[derive(Serialize, Deserialize)]
struct BodyV1 {
    version: u32,
    name: String,
    input: Value,
    at: i64,
    seed: Digest,
    recordings: Vec<RecordingV1>,
    state: Vec<(String, Value)>,
    effects: Vec<EffectV1>,
    /// Whether the run failed: then what counts is that it comes to its end.
    must_end: bool,
}

#[derive(Serialize, Deserialize)]
struct RecordingV1 {
    tool: Name,
    arguments: String,
    outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
struct EffectV1 {
    tool: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    arguments: String,
}

/// What is kept of a past run, so that it can be executed again: its input, time and chance, what its reads led to, and
/// what it did.
pub fn golden_body(past: &Past) -> Value {
    let effect = |deed: &Arc<Deed>| {
        let (key, target) = match &deed.subject {
            Subject::Key(key) => (Some(key.clone()), None),
            Subject::Target(target) => (None, Some(target.clone())),
        };
        EffectV1 { tool: deed.tool.clone(), key, target, arguments: deed.arguments.clone() }
    };
    let recording = |recording: &Recording| RecordingV1 {
        tool: recording.tool.clone(),
        arguments: recording.arguments.clone(),
        outcome: recording.outcome.clone(),
    };
    let body = BodyV1 {
        version: VERSION,
        name: past.name.clone(),
        input: past.case.input.clone(),
        at: past.case.at.as_millis(),
        seed: past.seed,
        recordings: past.case.recordings.iter().map(recording).collect(),
        state: past.case.state.clone(),
        effects: past.applied.iter().map(effect).collect(),
        must_end: past.failed,
    };
    serde_json::to_value(body).expect("our own types serialise to JSON")
}

/// The past run that was kept.
pub fn past_of(body: &Value) -> Result<Past, Malformed> {
    let malformed = |error: serde_json::Error| Malformed(error.to_string());
    let version = body["version"].as_u64();
    if version != Some(VERSION.into()) {
        return Err(Malformed(format!("its version is {}", body["version"])));
    }
    let body = BodyV1::deserialize(body).map_err(malformed)?;
    let deed = |effect: EffectV1| {
        let subject = match (effect.key, effect.target) {
            (Some(key), None) => Subject::Key(key),
            (None, Some(target)) => Subject::Target(target),
            (Some(_), Some(_)) | (None, None) => {
                return Err(Malformed(format!("an effect of `{}` has no one subject", effect.tool)));
            }
        };
        Ok(Arc::new(Deed { tool: effect.tool, subject, arguments: effect.arguments }))
    };
    let recording = |kept: RecordingV1| Recording { tool: kept.tool, arguments: kept.arguments, outcome: kept.outcome };
    Ok(Past {
        case: Case {
            name: body.name.clone(),
            input: body.input,
            at: Timestamp::from_millis(body.at),
            recordings: body.recordings.into_iter().map(recording).collect(),
            state: body.state,
            made: false,
        },
        name: body.name,
        applied: body.effects.into_iter().map(deed).collect::<Result<_, _>>()?,
        seed: body.seed,
        failed: body.must_end,
        must_end: body.must_end,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_is_what_it_was() {
        let deed = |subject| {
            let tool = "email.send".parse().unwrap();
            Arc::new(Deed { tool, subject, arguments: "{}".to_owned() })
        };
        let recording = Recording {
            tool: "http.get".parse().unwrap(),
            arguments: "{}".to_owned(),
            outcome: Outcome::Value(json!({ "status": 200 })),
        };
        let past = Past {
            name: "run_1".to_owned(),
            case: Case {
                name: "run_1".to_owned(),
                input: json!({ "trigger": "manual" }),
                at: Timestamp::from_millis(7),
                recordings: vec![recording],
                state: vec![("cursor".to_owned(), json!(3))],
                made: false,
            },
            applied: [deed(Subject::Key("a".to_owned())), deed(Subject::Target("b".to_owned()))].into(),
            seed: Digest::of(b"seed"),
            failed: false,
            must_end: false,
        };
        let again = past_of(&golden_body(&past)).unwrap();
        assert_eq!((again.case, again.applied, again.seed), (past.case, past.applied, past.seed));
        for garbage in [json!(null), json!({}), json!({ "version": 2 }), json!({ "version": 1, "name": 3 })] {
            assert!(past_of(&garbage).is_err(), "{garbage}");
        }
    }
}
