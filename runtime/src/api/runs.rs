//! Runs: their list, what they came to, and replays of their journals.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use intents::canonical;
use intents::id::{RunId, ScriptId};
use intents::redact::{Policy, redact, redact_text};
use intents::run::Phase;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::automations::WAIT_MAX;
use super::effects::EffectView;
use super::faces::Faces;
use super::guard::Caller;
use super::needs::{self, NeedView};
use super::page::{self, Paging};
use super::problem::Problem;
use crate::bundle::{BundleV1, bundle_of};
use crate::engine::EngineName;
use crate::error::Error;
use crate::ops::{self, Reached};
use crate::store::{Run, RunFilter};

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// Whose run it is.
    pub automation: String,
    /// The inbox item that it is about.
    pub item: String,
    /// The script that it executes.
    pub script: String,
    /// The engine outside that executes it; none when its script does, in the jail.
    pub engine: Option<String>,
    /// Whether its journal can be run again.
    pub replayable: bool,
    /// Why not.
    pub not_replayable: Option<String>,
    /// The contract that it began under.
    pub contract: String,
    /// `queued`, `running`, `waiting`, `succeeded`, `failed` or `stopped`.
    pub phase: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Calls so far.
    pub calls: u32,
    /// Effects that happened.
    pub effects: u32,
    /// Effects that another run had done before.
    pub suppressed: u32,
    /// The shadow that it belongs to: what it would do outside is noted there, and not done; none when it is real.
    pub shadow: Option<String>,
    /// The class of its failure.
    pub class: Option<String>,
    /// The stable code of its failure.
    pub code: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When its first attempt began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A page of runs, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub items: Vec<RunView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

/// A run with what it came to, or what it waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// The run.
    pub run: RunView,
    /// The name of its automation.
    pub automation_name: String,
    /// What the script returned, in a redacted copy.
    pub result: Option<Value>,
    /// What ended it otherwise.
    pub failure: Option<FailureView>,
    /// What it waits for.
    pub waits: Vec<WaitView>,
    /// The open needs that are about it.
    pub needs: Vec<NeedView>,
}

/// What ended a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// The class.
    pub class: String,
    /// The stable code.
    pub code: String,
    /// What failed.
    pub message: String,
}

/// Something that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitView {
    /// `time`, `event`, `need` or `run`.
    pub kind: String,
    /// When the wait ends at the latest.
    pub until: Option<String>,
    /// The event that ends it.
    pub event: Option<String>,
    /// The need whose answer ends it.
    pub need: Option<String>,
}

/// What a replay found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReplayView {
    /// The run.
    pub run: String,
    /// Whether every step was the same.
    pub equal: bool,
    /// Calls in the journal.
    pub calls: u32,
    /// `end`, `frontier` (a call without a recorded outcome, where the run stopped too) or `difference`.
    pub reached: String,
    /// The first step that differs.
    pub difference: Option<DifferenceView>,
}

/// A step that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DifferenceView {
    /// What differs.
    pub message: String,
    /// What the journal holds, in a redacted copy.
    pub recorded: Value,
    /// What the script did now, in a redacted copy.
    pub actual: Value,
}

impl RunView {
    /// Shows a run, given which scripts are executed outside.
    fn new(run: Run, engines: &BTreeMap<ScriptId, EngineName>) -> Self {
        let engine = engines.get(&run.script);
        Self {
            engine: engine.map(ToString::to_string),
            replayable: engine.is_none(),
            not_replayable: engine.map(|_| ops::NOT_REPLAYABLE_OUTSIDE.to_owned()),
            id: run.id.to_string(),
            automation: run.automation.to_string(),
            item: run.item.to_string(),
            script: run.script.to_string(),
            contract: run.contract.to_string(),
            phase: run.phase.to_string(),
            attempts: run.attempts,
            calls: run.calls,
            effects: run.effects,
            suppressed: run.suppressed,
            shadow: run.shadow.map(|shadow| shadow.to_string()),
            class: run.class.map(|class| class.to_string()),
            code: run.code,
            created_at: run.created_at.to_string(),
            started_at: run.started_at.map(|at| at.to_string()),
            ended_at: run.ended_at.map(|at| at.to_string()),
        }
    }
}

/// A run with what it came to.
pub(super) async fn detail(faces: &Faces, run: Run) -> Result<RunDetail, Error> {
    let store = &faces.app.store;
    let ending = ops::ending(&faces.app, &run).await?;
    let waits = store.waits_of(run.id).await?.into_iter().map(|wait| WaitView {
        kind: wait.kind,
        until: wait.until.map(|until| until.to_string()),
        event: wait.event,
        need: wait.need,
    });
    let needs = if run.phase == Phase::Queued || run.phase == Phase::Succeeded {
        Vec::new()
    } else {
        needs::open_of_run(faces, run.id).await?
    };
    Ok(RunDetail {
        automation_name: store.automation(&run.automation.to_string()).await?.name,
        result: ending.result.map(|result| redact(&result, &[], Policy::Secrets)),
        failure: ending.failure.map(|failure| FailureView {
            class: failure.class.to_string(),
            code: failure.code,
            message: redact_text(&failure.message, Policy::Secrets),
        }),
        waits: waits.collect(),
        needs,
        run: RunView::new(run, &store.engines_of_scripts().await?),
    })
}

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only of this automation: its id or name.
    automation: Option<String>,
    /// Only in this phase.
    phase: Option<String>,
}

/// Lists runs, newest first.
#[utoipa::path(tag = "runs", params(Filter, Paging), responses(
    (status = 200, description = "A page of runs", body = RunPage),
    (status = 400, description = "The filter makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs")]
pub(super) async fn list(
    faces: Data<Faces>,
    filter: Query<Filter>,
    paging: Query<Paging>,
) -> Result<Json<RunPage>, Error> {
    let store = &faces.app.store;
    let automation = match &filter.automation {
        Some(which) => Some(store.automation(which).await?.id),
        None => None,
    };
    let phase = |text: &String| text.parse::<Phase>().map_err(|_| page::malformed("phase", text));
    let phase = filter.phase.as_ref().map(phase).transpose()?;
    let found = store.runs(&RunFilter { automation, phase, before: paging.before()? }, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |run| run.id.to_string());
    let engines = store.engines_of_scripts().await?;
    Ok(Json(RunPage { items: items.into_iter().map(|run| RunView::new(run, &engines)).collect(), next }))
}

/// How long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Waiting {
    /// Wait until the run is over or needs a person, this many milliseconds at most; a minute at most.
    wait_ms: Option<u64>,
}

/// Shows one run with what it came to, or what it waits for.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id"), Waiting), responses(
    (status = 200, description = "The run", body = RunDetail),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}")]
pub(super) async fn show(
    faces: Data<Faces>,
    run: Path<String>,
    waiting: Query<Waiting>,
) -> Result<Json<RunDetail>, Error> {
    let id: RunId = page::id("run", &run)?;
    let wait = Duration::from_millis(waiting.wait_ms.unwrap_or(0)).min(WAIT_MAX);
    let run =
        if wait.is_zero() { faces.app.store.run(id).await? } else { ops::wait_for_run(&faces.app, id, wait).await? };
    Ok(Json(detail(&faces, run).await?))
}

/// Lists the effects that a run claimed last, in the order of its calls.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "Its effects", body = Vec<EffectView>),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/effects")]
pub(super) async fn effects(faces: Data<Faces>, run: Path<String>) -> Result<Json<Vec<EffectView>>, Error> {
    let id = faces.app.store.run(page::id("run", &run)?).await?.id;
    let effects = faces.app.store.effects_of(id).await?;
    Ok(Json(effects.into_iter().map(EffectView::from).collect()))
}

/// Ends one run where it stands. Effects that happened stay.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "It is stopped", body = RunView),
    (status = 409, description = "It is over already", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/runs/{run}/stop")]
pub(super) async fn stop(faces: Data<Faces>, caller: Caller, run: Path<String>) -> Result<Json<RunView>, Error> {
    let id = page::id("run", &run)?;
    let run = ops::stop_run(&faces.app, id, caller.as_str()).await?;
    Ok(Json(RunView::new(run, &faces.app.store.engines_of_scripts().await?)))
}

/// Runs the journal again in the sandbox, without any effect, and compares each step.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "What the replay found", body = ReplayView),
    (status = 409, description = "There is no journal to replay", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/runs/{run}/replay")]
pub(super) async fn replay(faces: Data<Faces>, run: Path<String>) -> Result<Json<ReplayView>, Error> {
    let id: RunId = page::id("run", &run)?;
    let replay = ops::replay(&faces.app, id).await?;
    let reached = match replay.reached {
        Reached::End => "end",
        Reached::Frontier => "frontier",
        Reached::Difference => "difference",
    };
    Ok(Json(ReplayView {
        run: id.to_string(),
        equal: replay.difference.is_none(),
        calls: replay.calls,
        reached: reached.to_owned(),
        difference: replay.difference.map(|difference| DifferenceView {
            message: difference.message,
            recorded: readable(difference.recorded),
            actual: readable(difference.actual),
        }),
    }))
}

/// Gives the bundle of a run: one file that reproduces it elsewhere. Secrets and what points to people are replaced by
/// texts of the same shape.
#[utoipa::path(tag = "runs", params(("run" = String, Path, description = "Its id")), responses(
    (status = 200, description = "The bundle", body = BundleV1),
    (status = 404, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is no journal to bundle", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/runs/{run}/bundle")]
pub(super) async fn bundle(faces: Data<Faces>, run: Path<String>) -> Result<Json<BundleV1>, Error> {
    let id: RunId = page::id("run", &run)?;
    Ok(Json(bundle_of(&faces.app, id).await?))
}

/// Canonical text inside a step is read, so that what is in it is redacted, too.
fn readable(step: Value) -> Value {
    let open = |value: Value| match &value {
        Value::String(text) => {
            serde_json::from_str(text).ok().filter(|read| canonical::to_string(read) == *text).unwrap_or(value)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value,
    };
    let step = match step {
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, open(value))).collect(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => open(other),
    };
    redact(&step, &[], Policy::Secrets)
}
