//! `steward automations`.

use std::time::Duration;

use intents::time::Span;
use serde_json::{Map, Value};

use super::{import, render, shadow, wait};
use crate::api::{AutomationDetail, AutomationList, AutomationView, RunDetail, StopView};
use crate::cli::args::{Automations, Run};
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::{Out, confirmed};
use crate::cli::time::{local, local_or_dash};
use crate::env::Env;
use crate::error::{Code, Error};

/// Does what the command says.
pub(in crate::cli) async fn run(
    client: &Client,
    command: Automations,
    env: &Env,
    out: &mut Out,
) -> Result<Exit, Error> {
    match command {
        Automations::Import(command) => import::import(client, command, out).await,
        Automations::Export { name, dir, force } => import::export(client, &name, &dir, force, out).await,
        Automations::List => list(client, out).await,
        Automations::Show { name } => show(client, &name, out).await,
        Automations::Run(command) => start(client, command, env, out).await,
        Automations::Pause { name } => change(client, &name, "pause", out).await,
        Automations::Resume { name } => change(client, &name, "resume", out).await,
        Automations::Shadow { name } => change(client, &name, "shadow", out).await,
        Automations::Shadowed { name, before, limit } => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(before.map(|before| ("before", before)));
            shadow::show(client, &name, &query, out).await
        }
        Automations::Activate { name } => change(client, &name, "activate", out).await,
        Automations::Trust { name, yes } => {
            let question = format!("Is nothing of `{name}` missing since the backup? What is, may then happen twice.");
            if !yes && !confirmed(&question).ok_or_else(unasked)? {
                return Ok(Exit::Refused);
            }
            change(client, &name, "trust", out).await
        }
        Automations::Stop { name } => {
            let answer = client.post(&["v1", "automations", &name, "stop"], Value::Object(Map::new())).await?;
            stopped(&answer, "stopped: no effect starts any more", out)
        }
        Automations::Remove { name, yes } => {
            if !yes && !confirmed(&format!("Take `{name}` away? Its history stays.")).ok_or_else(unasked)? {
                return Ok(Exit::Refused);
            }
            let answer = client.delete(&["v1", "automations", &name]).await?;
            stopped(&answer, "gone; its history stays", out)
        }
    }
}

/// Whether it works, and that it is in shadow also while it is paused.
pub(super) fn mode(automation: &AutomationView) -> String {
    match (&automation.shadow, automation.mode.as_str()) {
        (Some(_), "shadow") => "in shadow".to_owned(),
        (Some(_), mode) => format!("{mode} (in shadow)"),
        (None, mode) => mode.to_owned(),
    }
}

fn unasked() -> Error {
    Error::new(Code::ConfirmationNeeded, "nobody confirmed; run the command again with `--yes`")
}

async fn list(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "automations"]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let list: AutomationList = shaped(&answer)?;
    if list.all_stopped {
        out.line("Everything is stopped; `steward resume` lifts that.");
    }
    if list.items.is_empty() {
        out.line("There is no automation yet; bring one in with `steward automations import DIR`.");
        return Ok(Exit::Success);
    }
    let count = |automation: &AutomationView, phases: &[&str]| {
        phases.iter().filter_map(|phase| automation.runs.get(*phase)).sum::<i64>().to_string()
    };
    let rows: Vec<_> = list
        .items
        .iter()
        .map(|automation| {
            [
                automation.name.clone(),
                mode(automation),
                count(automation, &["succeeded"]),
                count(automation, &["queued", "running"]),
                count(automation, &["waiting"]),
                count(automation, &["failed", "stopped"]),
                automation.title.clone(),
            ]
        })
        .collect();
    out.table(["NAME", "MODE", "DONE", "UNDER WAY", "WAITING", "FAILED", "TITLE"], &rows);
    Ok(Exit::Success)
}

async fn show(client: &Client, name: &str, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "automations", name]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let detail: AutomationDetail = shaped(&answer)?;
    let automation = &detail.automation;
    out.line(format!("{} ({}), {}", automation.name, automation.id, mode(automation)));
    out.line(format!(
        "contract {}, script {}, active since {}",
        detail.contract.version,
        detail.script_version,
        local(&automation.activated_at)
    ));
    out.line("");
    out.line(&detail.contract.words.text);
    let rows: Vec<_> = detail
        .triggers
        .iter()
        .map(|trigger| [trigger.kind.clone(), local_or_dash(trigger.next_at.as_ref()), trigger.trigger.to_string()])
        .collect();
    out.table(["TRIGGER", "NEXT", "AS WRITTEN"], &rows);
    Ok(Exit::Success)
}

async fn start(client: &Client, command: Run, env: &Env, out: &mut Out) -> Result<Exit, Error> {
    let malformed = |what: &str, reason: String| Error::new(Code::InputMalformed, format!("`--{what}`: {reason}"));
    let mut body = Map::new();
    if let Some(input) = &command.input {
        let input: Value = serde_json::from_str(input).map_err(|error| malformed("input", error.to_string()))?;
        body.insert("input".to_owned(), input);
    }
    let timeout: Span = command
        .timeout
        .parse()
        .map_err(|error: intents::time::MalformedSpan| malformed("timeout", error.to_string()))?;
    let mut answer = client.post(&["v1", "automations", &command.name, "runs"], Value::Object(body)).await?;
    if command.wait {
        let limit: Duration = timeout.duration();
        answer = wait::wait(client, env, answer, limit).await?;
    }
    let detail: RunDetail = shaped(&answer)?;
    if out.is_json() {
        out.value(&answer);
    } else {
        render::run(out, &detail);
    }
    Ok(if command.wait { render::exit_of(&detail) } else { Exit::Success })
}

async fn change(client: &Client, name: &str, verb: &str, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.post(&["v1", "automations", name, verb], Value::Object(Map::new())).await?;
    let automation: AutomationView = shaped(&answer)?;
    if out.is_json() {
        out.value(&answer);
    } else {
        out.line(format!("`{}` is {}.", automation.name, mode(&automation)));
    }
    Ok(Exit::Success)
}

fn stopped(answer: &Value, what: &str, out: &mut Out) -> Result<Exit, Error> {
    let view: StopView = shaped(answer)?;
    if out.is_json() {
        out.value(answer);
    } else {
        // A name that was given free carries its id behind a tilde.
        let name = view.automation.name.split('~').next().unwrap_or_default();
        out.line(format!("`{name}` is {what}."));
        render::in_flight(out, &view.in_flight);
    }
    Ok(Exit::Success)
}
