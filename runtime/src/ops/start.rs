//! Starting a run by hand.

use std::collections::BTreeSet;

use intents::canonical::Digest;
use intents::id::{AutomationId, ItemId, RunId};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::{Code, Error};
use crate::store::{Automation, Delivered, Delivery, Mode};

/// A run that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// Whose run it is.
    pub automation: AutomationId,
    /// What it is about.
    pub item: ItemId,
    /// The run.
    pub run: RunId,
}

/// Starts a run; without an input the script learns that a person started it. Under the same `once` it is started
/// once, whatever happens in between.
pub async fn run_now(app: &App, which: &str, input: Option<Value>, once: Option<&str>) -> Result<Started, Error> {
    let automation = app.store.automation(which).await?;
    refuse_inactive(app, &automation).await?;
    let dedupe_key = match once {
        Some(key) => format!("manual:{}", Digest::of_parts("steward manual run 1", &[key.as_bytes()])),
        None => format!("manual:{}", app.env.item_id()),
    };
    let delivery = Delivery {
        automation: automation.id,
        trigger: None,
        dedupe_key,
        input: input.unwrap_or_else(|| json!({ "trigger": "manual" })),
        labels: BTreeSet::new(),
        useful_until: None,
        skip_if_busy: false,
    };
    let (item, run) = match app.store.deliver(delivery).await? {
        Delivered::New { item, run } => (item, Some(run)),
        Delivered::Known { item, run } => (item, run),
        Delivered::Skipped { item } => (item, None),
    };
    let run = run.ok_or_else(|| crate::store::Error::NotFound { what: "run", which: item.to_string() })?;
    Ok(Started { automation: automation.id, item, run })
}

async fn refuse_inactive(app: &App, automation: &Automation) -> Result<(), Error> {
    let (what, advice) = match automation.mode {
        Mode::Active if app.store.all_stopped().await? => {
            ("everything is stopped".to_owned(), "steward resume".to_owned())
        }
        Mode::Active => return Ok(()),
        Mode::Paused | Mode::Stopped => (
            format!("`{}` is {}", automation.name, automation.mode),
            format!("steward automations resume {}", automation.name),
        ),
        Mode::Removed => (format!("`{}` was removed", automation.name), "steward automations import DIR".to_owned()),
    };
    Err(Error::new(Code::AutomationInactive, format!("{what}, so the run would not start; run `{advice}` first")))
}
