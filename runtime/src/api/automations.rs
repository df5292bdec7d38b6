//! Automations: bringing them in and out, running, pausing, stopping, removing.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use intents::id::ScriptId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::contract::{ContractView, WordsView};
use super::faces::Faces;
use super::guard::Caller;
use super::idempotency;
use super::problem::Problem;
use super::runs::{self, RunDetail};
use super::stop::InFlightView;
use super::trials::TrialView;
use crate::engine::EngineName;
use crate::error::{Code, Error};
use crate::ops::{self, Card, FolderGrant, ImportRequest, Imported};
use crate::store::{self, Automation, Program};

/// A request waits this long for a run at most; who wants to wait longer asks again.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);

/// What the user delegated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AutomationView {
    /// Its id.
    pub id: String,
    /// Its short name, unique.
    pub name: String,
    /// Its title.
    pub title: String,
    /// `active`, `shadow`, `paused`, `stopped` or `removed`.
    pub mode: String,
    /// The shadow that it is in, paused or not: it does nothing outside until it is activated.
    pub shadow: Option<String>,
    /// The engine outside that executes it; none when a script does, in the jail.
    pub engine: Option<String>,
    /// How many runs it has in each phase.
    pub runs: BTreeMap<String, i64>,
    /// When it was made.
    pub created_at: String,
    /// Since when it has been working under this contract.
    pub activated_at: String,
}

/// All automations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AutomationList {
    /// By name.
    pub items: Vec<AutomationView>,
    /// Whether everything is stopped.
    pub all_stopped: bool,
}

/// An automation with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AutomationDetail {
    /// The automation.
    pub automation: AutomationView,
    /// The contract in force.
    pub contract: ContractView,
    /// The version of the script in force: `major.minor`.
    pub script_version: String,
    /// The source of the script in force; none when an engine outside executes it.
    pub script: Option<String>,
    /// What starts runs.
    pub triggers: Vec<TriggerView>,
    /// The room of its events.
    pub room: String,
}

/// Something that starts runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TriggerView {
    /// Its id.
    pub id: String,
    /// `schedule`, `file`, `webhook`, `event` or `manual`.
    pub kind: String,
    /// The trigger as the contract has it.
    pub trigger: Value,
    /// The next slot of a schedule.
    pub next_at: Option<String>,
}

/// An automation from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The short name. A known name brings a new version in.
    pub name: String,
    /// The contract.
    pub contract: Value,
    /// The source of the script, unless an engine is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// The engine that executes it, instead of a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineBody>,
    /// Recorded cases for the trial of the script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recordings: Option<Value>,
    /// Folders to be granted with it, by the name that the contract uses.
    #[serde(default)]
    pub folders: BTreeMap<String, FolderGrant>,
    /// Whether it is to be in shadow: what its runs would do is noted, and not done, until it is activated.
    #[serde(default)]
    pub shadow: bool,
    /// Whether the user has seen the card and wants it so. Without, nothing is changed.
    #[serde(default)]
    pub confirm: bool,
}

/// Who executes an automation that has no script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EngineBody {
    /// The name of the engine outside. A token for it lets a program claim the runs.
    pub outside: String,
}

/// What the user confirms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardView {
    /// The name.
    pub name: String,
    /// The engine outside that executes it: nothing is proven of it, and its runs cannot be replayed.
    pub engine: Option<String>,
    /// What the import changes: `new`, `contract`, `script` or `nothing`.
    pub change: String,
    /// The contract in plain words.
    pub words: WordsView,
    /// The digest of the contract.
    pub contract_digest: String,
    /// The digest of the script.
    pub script_digest: String,
    /// The proof sheet of the script; none when an engine outside executes it.
    pub trial: Option<TrialView>,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// Whether it was brought in.
    pub imported: bool,
    /// What is, or was, to be confirmed.
    pub card: CardView,
    /// The automation, once it was brought in.
    pub automation: Option<AutomationView>,
}

/// The contents of an automation's folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExportView {
    /// `manifest.json`.
    pub manifest: Value,
    /// `contract.json`.
    pub contract: Value,
    /// `script.js`, unless an engine outside executes it.
    pub script: Option<String>,
}

/// A run to be started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunBody {
    /// What the script gets as its input; `{"trigger": "manual"}` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// How long to wait for the run, in milliseconds; not at all unless said, a minute at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// An automation whose attempts were ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopView {
    /// The automation.
    pub automation: AutomationView,
    /// When the stop was acknowledged: no effect starts after this.
    pub at: String,
    /// Effects that were under way, of which it is not yet known whether they happened.
    pub in_flight: Vec<InFlightView>,
}

/// How many runs each automation has in each phase, and who executes it.
pub(super) struct Counts {
    runs: BTreeMap<String, BTreeMap<String, i64>>,
    engines: BTreeMap<ScriptId, EngineName>,
}

impl Counts {
    pub(super) async fn read(faces: &Faces) -> Result<Self, Error> {
        let mut runs = BTreeMap::<_, BTreeMap<_, _>>::new();
        for (automation, phase, count) in faces.app.store.run_counts().await? {
            runs.entry(automation).or_default().insert(phase, count);
        }
        Ok(Self { runs, engines: faces.app.store.engines_of_scripts().await? })
    }

    pub(super) fn total(&self) -> BTreeMap<String, i64> {
        let mut total = BTreeMap::new();
        for (phase, count) in self.runs.values().flatten() {
            *total.entry(phase.clone()).or_default() += count;
        }
        total
    }

    pub(super) fn view(&self, automation: Automation) -> AutomationView {
        AutomationView {
            id: automation.id.to_string(),
            runs: self.runs.get(&automation.id.to_string()).cloned().unwrap_or_default(),
            engine: self.engines.get(&automation.script).map(ToString::to_string),
            name: automation.name,
            title: automation.title,
            mode: automation.mode.to_string(),
            shadow: automation.shadow.map(|shadow| shadow.to_string()),
            created_at: automation.created_at.to_string(),
            activated_at: automation.activated_at.to_string(),
        }
    }
}

pub(super) async fn view(faces: &Faces, automation: Automation) -> Result<AutomationView, Error> {
    Ok(Counts::read(faces).await?.view(automation))
}

impl From<Card> for CardView {
    fn from(card: Card) -> Self {
        Self {
            name: card.name,
            engine: card.engine.map(|engine| engine.to_string()),
            change: card.change.as_str().to_owned(),
            words: card.words.into(),
            contract_digest: card.contract_digest,
            script_digest: card.script_digest,
            trial: card.trial.map(Into::into),
        }
    }
}

/// Lists automations by name.
#[utoipa::path(tag = "automations", responses((status = 200, description = "All automations", body = AutomationList)))]
#[get("/v1/automations")]
pub(super) async fn list(faces: Data<Faces>) -> Result<Json<AutomationList>, Error> {
    let counts = Counts::read(&faces).await?;
    let items = faces.app.store.automations().await?;
    Ok(Json(AutomationList {
        items: items.into_iter().map(|automation| counts.view(automation)).collect(),
        all_stopped: faces.app.store.all_stopped().await?,
    }))
}

/// Brings an automation in; without `confirm`, shows what it would be and changes nothing.
#[utoipa::path(tag = "automations", request_body = ImportBody, responses(
    (status = 200, description = "The card, or the automation that was brought in", body = ImportView),
    (status = 422, description = "Every problem of the contract, or that of the script", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations")]
pub(super) async fn import(
    faces: Data<Faces>,
    caller: Caller,
    body: Body<ImportBody>,
) -> Result<Json<ImportView>, Error> {
    let ImportBody { name, contract, script, engine, recordings, folders, shadow, confirm } = body.0;
    let program = program(script, engine)?;
    let by = caller.as_str().to_owned();
    let request = ImportRequest { name, contract, program, recordings, folders, by, shadow, confirm };
    let imported = ops::import(&faces.app, request).await?;
    Ok(Json(match imported {
        Imported::Preview(card) => ImportView { imported: false, card: card.into(), automation: None },
        Imported::Done { automation, card } => {
            let automation = Some(view(&faces, *automation).await?);
            ImportView { imported: true, card: card.into(), automation }
        }
    }))
}

/// Either a script or an engine executes an automation.
fn program(script: Option<String>, engine: Option<EngineBody>) -> Result<Program, Error> {
    match (script, engine) {
        (Some(source), None) => Ok(Program::Script(source)),
        (None, Some(engine)) => {
            let name = engine.outside.parse::<EngineName>();
            Ok(Program::Outside(name.map_err(|error| Error::new(Code::EngineName, error.to_string()))?))
        }
        (Some(_), Some(_)) => {
            let message = "an automation has a script or an engine outside, not both; leave one of them out";
            Err(Error::new(Code::ProgramAmbiguous, message))
        }
        (None, None) => {
            let message = "an automation needs a script, or `\"engine\": {\"outside\": NAME}` in its manifest";
            Err(Error::new(Code::ProgramAmbiguous, message))
        }
    }
}

/// Shows one automation, by id or name.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "The automation", body = AutomationDetail),
    (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/automations/{automation}")]
pub(super) async fn show(faces: Data<Faces>, which: Path<String>) -> Result<Json<AutomationDetail>, Error> {
    let store = &faces.app.store;
    let automation = store.automation(&which).await?;
    let script = store.script(automation.script).await?;
    let triggers = store.triggers_of(automation.id).await?;
    let unreadable = |error: serde_json::Error| store::Error::Unreadable { what: "trigger", reason: error.to_string() };
    let triggers = triggers.into_iter().map(|trigger| {
        Ok(TriggerView {
            id: trigger.id.to_string(),
            kind: trigger.kind,
            trigger: serde_json::from_str(&trigger.body).map_err(unreadable)?,
            next_at: trigger.next_at.map(|at| at.to_string()),
        })
    });
    Ok(Json(AutomationDetail {
        contract: contract_in_force(&faces, &automation).await?,
        script_version: format!("{}.{}", script.major, script.minor),
        script: match script.program {
            Program::Script(source) => Some(source),
            Program::Outside(_) => None,
        },
        triggers: triggers.collect::<Result<_, Error>>()?,
        room: store::room_of(automation.id).to_string(),
        automation: view(&faces, automation).await?,
    }))
}

async fn contract_in_force(faces: &Faces, automation: &Automation) -> Result<ContractView, Error> {
    let contract = faces.app.store.contract(automation.contract).await?;
    let value: Value = serde_json::from_str(&contract.body)
        .map_err(|error| store::Error::Unreadable { what: "contract", reason: error.to_string() })?;
    let words = ops::explain(&faces.app, &value)?.into();
    Ok(ContractView {
        id: contract.id.to_string(),
        version: contract.version,
        digest: contract.digest,
        contract: value,
        words,
    })
}

/// Shows the contract in force, with its plain words.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "The contract", body = ContractView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/automations/{automation}/contract")]
pub(super) async fn show_contract(faces: Data<Faces>, which: Path<String>) -> Result<Json<ContractView>, Error> {
    let automation = faces.app.store.automation(&which).await?;
    Ok(Json(contract_in_force(&faces, &automation).await?))
}

/// Takes an automation out as the contents of a folder, without secrets.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "The contents of the folder", body = ExportView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/automations/{automation}/export")]
pub(super) async fn export(faces: Data<Faces>, which: Path<String>) -> Result<Json<ExportView>, Error> {
    let export = ops::export(&faces.app, &which).await?;
    Ok(Json(ExportView { manifest: export.manifest, contract: export.contract, script: export.script }))
}

/// Starts a run, and waits for it where wanted.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")),
    request_body = RunBody, responses(
    (status = 200, description = "The run is over", body = RunDetail),
    (status = 202, description = "The run is under way, or waits", body = RunDetail),
    (status = 409, description = "The automation is paused or stopped", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/runs")]
pub(super) async fn run(
    faces: Data<Faces>,
    request: HttpRequest,
    which: Path<String>,
    body: Body<RunBody>,
) -> Result<HttpResponse, Error> {
    let once = idempotency::key(&request)?;
    let started = ops::run_now(&faces.app, &which, body.0.input, once.as_deref()).await?;
    let wait = Duration::from_millis(body.0.wait_ms.unwrap_or(0)).min(WAIT_MAX);
    let run = if wait.is_zero() {
        faces.app.store.run(started.run).await?
    } else {
        ops::wait_for_run(&faces.app, started.run, wait).await?
    };
    let status = if run.phase.is_over() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(HttpResponse::build(status).json(runs::detail(&faces, run).await?))
}

/// Keeps new runs from starting; what comes in is kept. Runs that are under way go on.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It is paused", body = AutomationView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/pause")]
pub(super) async fn pause(
    faces: Data<Faces>,
    caller: Caller,
    which: Path<String>,
) -> Result<Json<AutomationView>, Error> {
    let automation = ops::pause(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(view(&faces, automation).await?))
}

/// Lets an automation work again.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It works", body = AutomationView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/resume")]
pub(super) async fn resume(
    faces: Data<Faces>,
    caller: Caller,
    which: Path<String>,
) -> Result<Json<AutomationView>, Error> {
    let automation = ops::resume(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(view(&faces, automation).await?))
}

/// Takes the word of the caller that nothing of an automation is missing since the restore from a backup: what the
/// ledger does not know did not happen, and is not asked about any more.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It is trusted", body = AutomationView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/trust")]
pub(super) async fn trust(
    faces: Data<Faces>,
    caller: Caller,
    which: Path<String>,
) -> Result<Json<AutomationView>, Error> {
    let automation = ops::trust(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(view(&faces, automation).await?))
}

/// Stops an automation at once. Acknowledged, no effect starts any more; those under way are listed.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It is stopped", body = StopView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/automations/{automation}/stop")]
pub(super) async fn stop(faces: Data<Faces>, caller: Caller, which: Path<String>) -> Result<Json<StopView>, Error> {
    let (automation, stopped) = ops::stop(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(stop_view(automation, stopped)))
}

/// Takes an automation away; its history stays.
#[utoipa::path(tag = "automations", params(("automation" = String, Path, description = "Its id or name")), responses(
    (status = 200, description = "It is gone", body = StopView),
    (status = 404, description = "There is no such automation", body = Problem, content_type = "application/problem+json"),
))]
#[delete("/v1/automations/{automation}")]
pub(super) async fn remove(faces: Data<Faces>, caller: Caller, which: Path<String>) -> Result<Json<StopView>, Error> {
    let (automation, stopped) = ops::remove(&faces.app, &which, caller.as_str()).await?;
    Ok(Json(stop_view(automation, stopped)))
}

fn stop_view(automation: Automation, stopped: ops::Stopped) -> StopView {
    // Without the counts of runs: the acknowledgement does not wait for them.
    let counts = Counts { runs: BTreeMap::new(), engines: BTreeMap::new() };
    let automation = counts.view(automation);
    let in_flight = stopped.in_flight.into_iter().map(InFlightView::from).collect();
    StopView { automation, at: stopped.at.to_string(), in_flight }
}
