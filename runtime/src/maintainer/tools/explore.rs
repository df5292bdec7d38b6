//! `explore`: the model's JavaScript in the jail, under the automation's own contract.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{Came, Desk};
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

pub(super) async fn explore(desk: &Desk<'_>, explore: &Explore) -> Result<Came, Error> {
    let veil = desk.evidence.veil();
    let rules = Rules {
        contract: Arc::clone(&desk.evidence.contract),
        places: "what the contract of the automation lets its script read".to_owned(),
        seen: Vec::new(),
        labels: desk.labels(),
        veil: Some(&veil),
        named: None,
        input: json!({ "trigger": "manual" }),
        given: Vec::new(),
        adapters: &[],
    };
    let Looked { end, recorded, made, logs } = look(desk.app, rules, &explore.js).await?;
    let mut shown = match end {
        End::Finished(value) => json!({ "returned": value }),
        End::Failed(failure) => {
            json!({ "failed": failure.message, "code": failure.code, "class": failure.class.as_str() })
        }
    };
    if !logs.is_empty() {
        shown["log"] = json!(logs);
    }
    shown["calls"] = json!(made);
    let text = fenced(&shortened(&desk.evidence.value(&shown), TOLD_CHARS));
    Ok(Came::Told { text, recorded })
}
