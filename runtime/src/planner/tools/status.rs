//! `status`: what is and what happened, from the store. It reads, and shows copies without secrets.

use intents::id::RunId;
use intents::journal::{Record, recorded};
use intents::need::choices_of;
use intents::outcome::Outcome;
use intents::redact::{Policy, redact, redact_text};
use intents::time::Span;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Carried, Desk, Tool};
use crate::app::App;
use crate::error::{Code, Error};
use crate::models::fenced;
use crate::ops;
use crate::planner::conversation::shortened;
use crate::store::{Automation, Mode, NeedStatus, Program, RunFilter, UsageBy, UsageFilter, room_of};

/// Characters of what a model is told.
const TOLD_CHARS: usize = 24_000;
/// Rows of a list.
const ROWS_MAX: u64 = 40;
/// Characters of one value in a list of calls.
const VALUE_CHARS: usize = 600;
/// Events of a room that are looked through for the newest.
const EVENTS_MAX: u64 = 5_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    about: About,
    #[serde(default)]
    automation: Option<String>,
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    last: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum About {
    Automations,
    Automation,
    Runs,
    Run,
    History,
    Needs,
    Costs,
}

pub(super) async fn status(desk: &Desk<'_>, status: Status) -> Result<Carried, Error> {
    let app = desk.app;
    let (told, line) = match status.about {
        About::Automations => (automations(app).await, "looked at the automations".to_owned()),
        About::Automation => (automation(app, &status).await, "looked at an automation".to_owned()),
        About::Runs => (runs(app, &status).await, "looked at runs".to_owned()),
        About::Run => (run(app, &status).await, "looked at a run".to_owned()),
        About::History => (history(app, &status).await, "looked at what happened".to_owned()),
        About::Needs => (needs(app).await, "looked at what needs you".to_owned()),
        About::Costs => (costs(app, &status).await, "looked at costs".to_owned()),
    };
    Ok(match told {
        Ok(told) => {
            let text = serde_json::to_string_pretty(&told).unwrap_or_default();
            let which = status.automation.map(|name| format!(" `{name}`")).unwrap_or_default();
            let which: String = which.chars().filter(|c| !c.is_control()).take(60).collect();
            Carried::new(Tool::Status, true, fenced(&shortened(&text, TOLD_CHARS)), format!("{line}{which}"))
        }
        Err(Error::Store(error @ (crate::store::Error::Closed | crate::store::Error::Database { .. }))) => {
            return Err(error.into());
        }
        Err(error) => {
            let text = format!("That could not be looked up: {error} ({}).", error.code());
            Carried::new(Tool::Status, false, text, format!("{line}, and found nothing"))
        }
    })
}

fn wanted<'s>(name: &str, given: Option<&'s str>) -> Result<&'s str, Error> {
    given.ok_or_else(|| Error::new(Code::BodyMalformed, format!("`{name}` says which one")))
}

async fn named(app: &App, status: &Status) -> Result<Automation, Error> {
    Ok(app.store.automation(wanted("automation", status.automation.as_deref())?).await?)
}

fn since(app: &App, status: &Status) -> Result<Option<intents::Timestamp>, Error> {
    let Some(last) = &status.last else { return Ok(None) };
    let span: Span =
        last.parse().map_err(|_| Error::new(Code::BodyMalformed, "`last` is a span such as `30d` or `12h`"))?;
    Ok(Some(app.env.now() - span.duration()))
}

async fn automations(app: &App) -> Result<Value, Error> {
    let counts = app.store.run_counts().await?;
    let mut all = Vec::new();
    for automation in app.store.automations().await? {
        let id = automation.id.to_string();
        let runs: serde_json::Map<String, Value> = counts
            .iter()
            .filter(|(of, _, _)| *of == id)
            .map(|(_, phase, count)| (phase.clone(), json!(count)))
            .collect();
        all.push(json!({
            "name": automation.name, "title": automation.title, "mode": automation.mode.as_str(), "runs": runs,
            "created_at": automation.created_at.to_string(),
        }));
    }
    Ok(json!({ "automations": all, "everything_is_stopped": app.store.all_stopped().await? }))
}

async fn automation(app: &App, status: &Status) -> Result<Value, Error> {
    let automation = named(app, status).await?;
    let contract = app.store.contract(automation.contract).await?;
    let value: Value = serde_json::from_str(&contract.body).unwrap_or_default();
    let script = app.store.script(automation.script).await?;
    let source = match script.program {
        Program::Script(source) => source,
        Program::Outside(engine) => format!("(executed by the engine `{engine}` outside)"),
    };
    let triggers: Vec<_> = app.store.triggers_of(automation.id).await?;
    let triggers = triggers.iter().map(|trigger| {
        json!({
            "kind": trigger.kind, "next_at": trigger.next_at.map(|at| at.to_string()),
            "last_looked_at": trigger.last_at.to_string(),
        })
    });
    Ok(json!({
        "name": automation.name, "mode": automation.mode.as_str(),
        "removed": automation.mode == Mode::Removed,
        "script_version": format!("{}.{}", script.major, script.minor),
        "in_words": ops::explain(app, &value).map(|words| words.to_string()).unwrap_or_default(),
        "triggers": triggers.collect::<Vec<_>>(), "contract": value, "script": source,
    }))
}

async fn runs(app: &App, status: &Status) -> Result<Value, Error> {
    let automation = match &status.automation {
        Some(name) => Some(app.store.automation(name).await?.id),
        None => None,
    };
    let since = since(app, status)?;
    let filter = RunFilter { automation, phase: None, before: None };
    let runs = app.store.runs(&filter, ROWS_MAX).await?;
    let runs = runs.into_iter().filter(|run| since.is_none_or(|since| run.created_at >= since)).map(|run| {
        json!({
            "run": run.id.to_string(), "phase": run.phase.to_string(), "created_at": run.created_at.to_string(),
            "ended_at": run.ended_at.map(|at| at.to_string()), "effects": run.effects, "calls": run.calls,
            "done_before": run.suppressed, "failure": run.code, "class": run.class.map(|class| class.to_string()),
        })
    });
    Ok(json!({ "newest_first": runs.collect::<Vec<_>>(), "at_most": ROWS_MAX }))
}

async fn run(app: &App, status: &Status) -> Result<Value, Error> {
    let unreadable = |_| Error::new(Code::BodyMalformed, "`run` is an id such as `run_01JD…`");
    let id: RunId = wanted("run", status.run.as_deref())?.parse().map_err(unreadable)?;
    let run = app.store.run(id).await?;
    let ending = ops::ending(app, &run).await?;
    let records = match app.store.journal(id).await {
        Ok(journal) => journal.records,
        Err(crate::store::Error::Sealed { .. } | crate::store::Error::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let shown = |value: &Value| shortened(&redact(value, &[], Policy::Secrets).to_string(), VALUE_CHARS);
    let calls = recorded(&records).into_iter().map(|call| {
        let arguments: Value = serde_json::from_str(&call.called.arguments).unwrap_or_default();
        let outcome = call.settled.map(|settled| match settled.outcome.as_ref() {
            Outcome::Value(value) => format!("value {}", shown(value)),
            Outcome::Refused(refusal) => format!("refused {}: {}", refusal.code, refusal.message),
            Outcome::Skipped { clause } => format!("left out by the contract: {clause}"),
        });
        json!({
            "tool": call.called.tool.as_str(), "arguments": shown(&arguments), "allowed_by": call.called.verdict,
            "key": call.called.key.as_ref().map(ToString::to_string), "outcome": outcome,
        })
    });
    let faults = records.iter().filter_map(|record| match record {
        Record::Faulted { call, failure, at, .. } => {
            Some(json!({ "call": call, "code": failure.code, "message": failure.message, "at": at.to_string() }))
        }
        Record::Began { .. }
        | Record::Called(_)
        | Record::Settled { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_)
        | Record::Ended { .. } => None,
    });
    let waits: Vec<_> = app.store.waits_of(id).await?;
    let waits = waits.iter().map(|wait| json!({ "kind": wait.kind, "until": wait.until.map(|at| at.to_string()) }));
    Ok(json!({
        "run": id.to_string(), "phase": run.phase.to_string(), "created_at": run.created_at.to_string(),
        "result": ending.result.map(|result| shown(&result)),
        "failure": ending.failure.map(|failure| json!({ "code": failure.code, "message": redact_text(&failure.message, Policy::Secrets) })),
        "waits_for": waits.collect::<Vec<_>>(), "faults": faults.collect::<Vec<_>>(), "calls": calls.collect::<Vec<_>>(),
    }))
}

/// What changed about an automation: its runs, missed times, pauses, needs.
async fn history(app: &App, status: &Status) -> Result<Value, Error> {
    let automation = named(app, status).await?;
    let since = since(app, status)?;
    let room = room_of(automation.id);
    let rooms = app.store.rooms().await?;
    let last = rooms.iter().find(|(known, _)| *known == room.to_string()).map_or(0, |(_, last)| *last);
    let from = (last - i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX)).max(0);
    let events = app.store.events_after(room, from, EVENTS_MAX).await?;
    let told: Vec<_> = events
        .iter()
        .rev()
        .filter(|event| since.is_none_or(|since| event.at >= since))
        .take(usize::try_from(ROWS_MAX).unwrap_or(usize::MAX))
        .map(|event| json!({ "at": event.at.to_string(), "what": event.kind, "by": event.actor, "run": event.run, "data": event.data }))
        .collect();
    Ok(json!({ "automation": automation.name, "mode": automation.mode.as_str(), "newest_first": told }))
}

async fn needs(app: &App) -> Result<Value, Error> {
    let needs = app.store.needs(Some(NeedStatus::Open), None, ROWS_MAX).await?;
    let needs = needs.into_iter().map(|need| {
        json!({
            "need": need.id.to_string(), "kind": need.kind.to_string(),
            "title": redact_text(&need.title, Policy::Secrets), "since": need.created_at.to_string(),
            "automation": need.automation.map(|id| id.to_string()), "run": need.run.map(|id| id.to_string()),
            "choices": choices_of(need.kind, &need.evidence).into_iter().map(|choice| need.said(choice)).collect::<Vec<_>>(),
        })
    });
    Ok(json!({ "open": needs.collect::<Vec<_>>(), "answered_with": "steward inbox answer NEED CHOICE" }))
}

async fn costs(app: &App, status: &Status) -> Result<Value, Error> {
    let since = since(app, status)?;
    let automation = match &status.automation {
        Some(name) => Some(app.store.automation(name).await?.id),
        None => None,
    };
    let filter = UsageFilter { since, automation, ..UsageFilter::default() };
    let mut told = json!({});
    for (name, by) in [("by_day", UsageBy::Day), ("by_purpose", UsageBy::Purpose), ("by_provider", UsageBy::Provider)] {
        let lines = app.store.model_usage(by, filter).await?;
        let lines = lines.iter().map(|line| {
            let of = match by {
                UsageBy::Day => line.of.parse().map_or_else(|_| line.of.clone(), day),
                UsageBy::Automation | UsageBy::Provider | UsageBy::Model | UsageBy::Purpose | UsageBy::Room => {
                    line.of.clone()
                }
            };
            json!({
                "of": of, "calls": line.usage.calls, "cost": line.usage.cost.to_string(),
                "held": line.usage.held.to_string(),
            })
        });
        told[name] = json!(lines.collect::<Vec<_>>());
    }
    Ok(told)
}

/// A day since 1970 as people write it.
fn day(days: i64) -> String {
    const DAY_MS: i64 = 86_400_000;
    intents::Timestamp::from_millis(days.saturating_mul(DAY_MS)).to_string().chars().take(10).collect()
}
