//! What is to be watched: the live file triggers of active automations, by folder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use intents::contract::{FileDedupe, Glob, Source};
use intents::id::{AutomationId, TriggerId};
use intents::schedule::Overlap;
use intents::time::Span;

use super::folder;
use crate::scheduler;
use crate::store::{Error, Store, StoredTrigger};

/// One trigger that watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// The trigger.
    pub(super) trigger: TriggerId,
    /// Whose it is.
    pub(super) automation: AutomationId,
    /// What people call the automation.
    pub(super) title: String,
    /// The folder's name in the settings.
    pub(super) folder: String,
    /// Which files count.
    pub(super) glob: Glob,
    /// What makes two files the same.
    pub(super) dedupe: FileDedupe,
    /// For how long a file is worth a run.
    pub(super) useful_for: Option<Span>,
    /// Leave files out while a run of the automation is under way.
    pub(super) skip_if_busy: bool,
}

/// One folder with those who watch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    /// Where it is, if it is granted.
    pub(super) path: Option<PathBuf>,
    /// Who watches it, in the order of their ids.
    pub(super) plans: Vec<Plan>,
}

/// Reads what is to be watched, by the folders' names.
pub(super) async fn read(store: &Store) -> Result<BTreeMap<String, Watched>, Error> {
    let mut triggers = store.triggers("file").await?;
    triggers.retain(|trigger| trigger.active);
    if triggers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let automations = store.automations().await?;
    let titles: BTreeMap<_, _> = automations
        .into_iter()
        .filter(|automation| automation.mode.works())
        .map(|automation| (automation.id, automation.title))
        .collect();
    let settings = store.settings().await?;
    let mut folders: BTreeMap<String, Watched> = BTreeMap::new();
    for trigger in &triggers {
        let Some(title) = titles.get(&trigger.automation) else { continue };
        let Some(plan) = plan(trigger, title) else { continue };
        let path = folder::granted(&settings, &plan.folder);
        let watched = folders.entry(plan.folder.clone()).or_insert_with(|| Watched { path, plans: Vec::new() });
        watched.plans.push(plan);
    }
    Ok(folders)
}

fn plan(stored: &StoredTrigger, title: &str) -> Option<Plan> {
    let trigger = match scheduler::trigger(&stored.body) {
        Ok(trigger) => trigger,
        Err(error) => {
            tracing::error!(trigger = %stored.id, %error, "a file trigger is not understood; import it again");
            return None;
        }
    };
    match trigger.source {
        Source::File { folder, matching, dedupe } => Some(Plan {
            trigger: stored.id,
            automation: stored.automation,
            title: title.to_owned(),
            folder: folder.to_string(),
            glob: matching,
            dedupe,
            useful_for: trigger.useful_for,
            skip_if_busy: match trigger.overlap {
                Overlap::Skip => true,
                Overlap::Queue | Overlap::Allow => false,
            },
        }),
        Source::Schedule { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => None,
    }
}
