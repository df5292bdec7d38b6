//! Starting a run by hand.

use std::collections::BTreeSet;

use intents::canonical::Digest;
use intents::contract::{Source, Trigger};
use intents::id::{AutomationId, ItemId, RunId, TriggerId};
use intents::schedule::Overlap;
use serde_json::{Value, json};

use super::triggers::kind;
use crate::app::App;
use crate::error::{Code, Error};
use crate::scheduler;
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
    let by_hand = by_hand(app, &automation).await?;
    let (trigger, clause) = by_hand.unzip();
    let delivery = Delivery {
        automation: automation.id,
        trigger,
        dedupe_key,
        input: input.unwrap_or_else(|| json!({ "trigger": "manual" })),
        labels: BTreeSet::new(),
        useful_until: clause.as_ref().and_then(|clause| clause.useful_for).map(|span| app.env.now() + span.duration()),
        skip_if_busy: clause.is_some_and(|clause| clause.overlap == Overlap::Skip),
    };
    let (item, run) = match app.store.deliver(delivery).await? {
        Delivered::New { item, run } => (item, Some(run)),
        Delivered::Known { item, run } => (item, run),
        Delivered::Skipped { item } => (item, None),
    };
    let left_out = || {
        let what = format!("a run of `{}` is under way, and its contract leaves others out meanwhile", automation.name);
        Error::new(Code::RunOverlap, what)
    };
    let run = run.ok_or_else(left_out)?;
    Ok(Started { automation: automation.id, item, run })
}

/// What the contract says of runs that a person starts. Where it says nothing they go in turn.
async fn by_hand(app: &App, automation: &Automation) -> Result<Option<(TriggerId, Trigger)>, Error> {
    let triggers = app.store.triggers_of(automation.id).await?;
    let Some(manual) = triggers.iter().find(|trigger| trigger.kind == kind(&Source::Manual)) else { return Ok(None) };
    let clause = scheduler::trigger(&manual.body).map_err(|error| {
        Error::new(Code::ServerFailed, format!("`{}` cannot be started by hand: {error}", automation.name))
    })?;
    Ok(Some((manual.id, clause)))
}

async fn refuse_inactive(app: &App, automation: &Automation) -> Result<(), Error> {
    let (what, advice) = match automation.mode {
        Mode::Active | Mode::Shadow if app.store.all_stopped().await? => {
            ("everything is stopped".to_owned(), "steward resume".to_owned())
        }
        Mode::Active | Mode::Shadow => return Ok(()),
        Mode::Paused | Mode::Stopped => (
            format!("`{}` is {}", automation.name, automation.mode),
            format!("steward automations resume {}", automation.name),
        ),
        Mode::Removed => (format!("`{}` was removed", automation.name), "steward automations import DIR".to_owned()),
    };
    Err(Error::new(Code::AutomationInactive, format!("{what}, so the run would not start; run `{advice}` first")))
}
