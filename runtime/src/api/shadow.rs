//! Shadow: automations that do nothing outside, and what they would have done.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use intents::redact::{Policy, redact, redact_text};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::automations::{AutomationView, view};
use super::faces::Faces;
use super::guard::Caller;
use super::page::Paging;
use super::problem::Problem;
use crate::error::Error;
use crate::ops;
use crate::store::ShadowNote;

/// What an automation would have done in its shadow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowView {
    /// Its id.
    pub automation: String,
    /// The shadow: the one that it is in, or the last one of which something is known; none where there is none.
    pub shadow: Option<String>,
    /// Whether it is over.
    pub over: bool,
    /// Runs in it.
    pub runs: u64,
    /// How many calls would have fared how: the names are those of `would`.
    pub counts: BTreeMap<String, u64>,
    /// How often another item asked for what was noted already.
    pub suppressions: u64,
    /// What it would have done, newest first.
    pub items: Vec<ShadowNoteView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

/// Something that a shadow run would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShadowNoteView {
    /// Its id.
    pub id: String,
    /// The run.
    pub run: String,
    /// The number of the call in that run.
    pub call: i64,
    /// The tool.
    pub tool: String,
    /// The key in words; none for a message, or when it was erased.
    pub key: Option<String>,
    /// What it would have been done with, in a redacted copy; none when it was erased.
    pub arguments: Option<Value>,
    /// `done`, `asked` (a person first), `waited`, `skipped`, `suppressed` (it was really done before), `settled` (whether
    /// it was is not known, and would first have been found out) or `conflict` (its key was used with other arguments).
    pub would: String,
    /// The clauses that would have kept it, in plain words.
    pub clauses: Vec<String>,
    /// Until when it would have waited.
    pub until: Option<String>,
    /// How often another item asked for the same.
    pub suppressions: i64,
    /// When.
    pub at: String,
}

fn note(faces: &Faces, note: ShadowNote) -> ShadowNoteView {
    let tool = note.tool.parse().ok().and_then(|name| faces.app.catalogue.get(&name));
    let declared = tool.map_or(&[][..], |tool| tool.definition().redacted.as_slice());
    ShadowNoteView {
        id: note.id.to_string(),
        run: note.run.to_string(),
        call: note.call,
        key: note.key.map(|key| redact_text(&key, Policy::Secrets)),
        arguments: note.arguments.map(|arguments| {
            // What a tool declares as secret is named from where its arguments and its result stand side by side.
            redact(&json!({ "arguments": arguments }), declared, Policy::Secrets)["arguments"].take()
        }),
        tool: note.tool,
        would: note.would.to_string(),
        clauses: note.clauses,
        until: note.until.map(|until| until.to_string()),
        suppressions: note.suppressions,
        at: note.at.to_string(),
    }
}

/// Shows what an automation would have done in its shadow, newest first.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name"), Paging), responses(
    (status = 200, description = "What it would have done", body = ShadowView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/automations/{automation}/shadow")]
pub(super) async fn show(
    faces: Data<Faces>,
    which: Path<String>,
    paging: Query<Paging>,
) -> Result<Json<ShadowView>, Error> {
    let store = &faces.app.store;
    let automation = store.automation(&which).await?;
    let mut shown = ShadowView {
        automation: automation.id.to_string(),
        shadow: None,
        over: automation.shadow.is_none(),
        runs: 0,
        counts: BTreeMap::new(),
        suppressions: 0,
        items: Vec::new(),
        next: None,
    };
    let Some(shadow) = store.last_shadow(&automation).await? else { return Ok(Json(shown)) };
    let counts = store.shadow_counts(automation.id, shadow).await?;
    let found = store.shadow_notes(automation.id, shadow, paging.before()?, paging.look_for()).await?;
    let (notes, next) = paging.cut(found, |note| note.id.to_string());
    shown.shadow = Some(shadow.to_string());
    shown.runs = counts.runs;
    shown.counts = counts.notes.into_iter().map(|(would, count)| (would.to_string(), count)).collect();
    shown.suppressions = counts.suppressions;
    shown.items = notes.into_iter().map(|shadowed| note(&faces, shadowed)).collect();
    shown.next = next;
    Ok(Json(shown))
}

/// Puts an automation in shadow: its runs read what is real, and what they would do outside is noted and not done.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It is in shadow", body = AutomationView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Real runs are under way, or it is stopped", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/shadow")]
pub(super) async fn enter(
    faces: Data<Faces>,
    caller: Caller,
    which: Path<String>,
) -> Result<Json<AutomationView>, Error> {
    let automation = ops::enter_shadow(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(view(&faces, automation).await?))
}

/// Ends the shadow of an automation, with the runs that are under way in it: from now on it does what it does.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It is live", body = AutomationView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is stopped, or paused and not in shadow", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/activate")]
pub(super) async fn leave(
    faces: Data<Faces>,
    caller: Caller,
    which: Path<String>,
) -> Result<Json<AutomationView>, Error> {
    let automation = ops::activate(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(view(&faces, automation).await?))
}
