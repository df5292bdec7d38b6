//! What the person is asked about folders and files.

use intents::canonical::Digest;
use intents::need::Kind;
use serde_json::{Value, json};

use super::plan::{Plan, Watched};
use super::walk::Refused;
use crate::store::NewNeed;

/// Files that a need lists; it counts the others.
const LISTED_MAX: usize = 20;

/// One folder, one need.
pub(super) fn folder_key(folder: &str) -> String {
    format!("folder:{folder}")
}

/// Asks about a folder that cannot be watched.
pub(super) fn folder(name: &str, watched: &Watched, reason: &str) -> NewNeed {
    let titles: Vec<_> = watched.plans.iter().map(|plan| format!("`{}`", plan.title)).collect();
    let title = match &watched.path {
        Some(path) => format!("The folder `{name}` ({}) that {} watches is gone", path.display(), titles.join(", ")),
        None => {
            format!("The folder `{name}` that {} watches is not set up; grant it in the settings", titles.join(", "))
        }
    };
    let evidence = json!({ "folder": name, "path": watched.path, "reason": reason });
    need(folder_key(name), title, evidence, watched.plans.first())
}

/// One trigger, one need.
pub(super) fn files_key(plan: &Plan) -> String {
    format!("files:{}", plan.trigger)
}

/// What tells one set of files from another.
pub(super) fn digest_of(refused: &[Refused]) -> Digest {
    let texts = refused.iter().flat_map(|refused| [refused.path.as_bytes(), refused.reason.as_bytes()]);
    Digest::of_parts("steward refused files 1", &texts.collect::<Vec<_>>())
}

/// Asks about files that cannot be taken.
pub(super) fn files(plan: &Plan, refused: &[Refused]) -> NewNeed {
    let title = match refused {
        [one] => format!("The file `{}` in `{}` cannot be read: {}", one.path, plan.folder, one.reason),
        many => format!("{} files in `{}` that `{}` watches cannot be read", many.len(), plan.folder, plan.title),
    };
    let listed: Vec<Value> = refused
        .iter()
        .take(LISTED_MAX)
        .map(|refused| json!({ "path": refused.path, "reason": refused.reason }))
        .collect();
    let evidence = json!({ "folder": plan.folder, "count": refused.len(), "files": listed });
    need(files_key(plan), title, evidence, Some(plan))
}

fn need(dedupe_key: String, title: String, evidence: Value, plan: Option<&Plan>) -> NewNeed {
    NewNeed {
        kind: Kind::Trigger,
        dedupe_key,
        automation: plan.map(|plan| plan.automation),
        run: None,
        call: None,
        effect: None,
        title,
        evidence,
    }
}
