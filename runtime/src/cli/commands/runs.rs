//! `steward runs`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::render;
use crate::api::{
    ArtifactList, ArtifactView, CallList, EventView, LogList, ReplayView, RunDetail, RunPage, RunView, StepList,
};
use crate::bundle::BundleV1;
use crate::cli::args::Runs;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::time::local;
use crate::error::{Code, Error};

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Runs, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Runs::List { automation, phase, before, limit } => {
            let mut query = vec![("limit", limit.to_string())];
            query.extend(automation.map(|automation| ("automation", automation)));
            query.extend(phase.map(|phase| ("phase", phase)));
            query.extend(before.map(|before| ("before", before)));
            list(client, &query, out).await
        }
        Runs::Show { run } => show(client, &run, out).await,
        Runs::Replay { run } => replay(client, &run, out).await,
        Runs::Bundle { run, output } => bundle(client, &run, output, out).await,
        Runs::Watch { which } => watch(client, which.as_deref(), out).await,
        Runs::Stop { run } => {
            let answer = client.post(&["v1", "runs", &run, "stop"], Value::Object(Map::new())).await?;
            let stopped: RunView = shaped(&answer)?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(format!("{} is {}.", stopped.id, stopped.phase));
            }
            Ok(Exit::Success)
        }
    }
}

async fn list(client: &Client, query: &[(&str, String)], out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get_with(&["v1", "runs"], query).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: RunPage = shaped(&answer)?;
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|run| {
            let code = run.code.clone().unwrap_or_default();
            [
                run.id.clone(),
                if run.shadow.is_some() { format!("{}, shadow", run.phase) } else { run.phase.clone() },
                run.calls.to_string(),
                run.effects.to_string(),
                local(&run.created_at),
                code,
            ]
        })
        .collect();
    out.table(["RUN", "PHASE", "CALLS", "EFFECTS", "CREATED", "CODE"], &rows);
    if let Some(next) = page.next {
        out.line(format!("There are more: `--before {next}`."));
    }
    Ok(Exit::Success)
}

async fn show(client: &Client, run: &str, out: &mut Out) -> Result<Exit, Error> {
    let detail = client.get(&["v1", "runs", run]).await?;
    let calls = client.get(&["v1", "runs", run, "calls"]).await;
    let logs = client.get(&["v1", "runs", run, "logs"]).await;
    let steps = client.get(&["v1", "runs", run, "steps"]).await;
    let artifacts = client.get(&["v1", "runs", run, "artifacts"]).await;
    if out.is_json() {
        let mut all = detail;
        if let Value::Object(members) = &mut all {
            members.insert("calls".to_owned(), calls.unwrap_or_default());
            members.insert("logs".to_owned(), logs.unwrap_or_default());
            members.insert("steps".to_owned(), steps.unwrap_or_default());
            members.insert("artifacts".to_owned(), artifacts.unwrap_or_default());
        }
        out.value(&all);
        return Ok(Exit::Success);
    }
    render::run(out, &shaped::<RunDetail>(&detail)?);
    match calls {
        Ok(calls) => {
            let calls: CallList = shaped(&calls)?;
            let rows: Vec<_> = calls
                .items
                .iter()
                .map(|call| {
                    let (state, took) = match &call.settled {
                        Some(settled) => (settled.kind.clone(), format!("{} ms", settled.took_ms)),
                        None => ("open".to_owned(), "-".to_owned()),
                    };
                    let key = call.key.as_ref().map(ToString::to_string).unwrap_or_default();
                    [call.call.to_string(), call.tool.clone(), state, took, call.faults.len().to_string(), key]
                })
                .collect();
            out.line("");
            out.table(["CALL", "TOOL", "CAME TO", "TOOK", "FAULTS", "KEY"], &rows);
            if let Some(next) = calls.next {
                out.line(format!("There are more calls, from {next} on; `--json` shows what each came to."));
            }
        }
        Err(error) => out.line(format!("  The journal cannot be shown: {error}")),
    }
    if let Ok(logs) = logs {
        let logs: LogList = shaped(&logs)?;
        if !logs.items.is_empty() {
            out.line("");
        }
        for line in logs.items {
            out.line(format!("{} {:<5} {}", local(&line.at), line.level, line.text));
        }
    }
    if let Ok(steps) = steps {
        show_steps(out, &shaped(&steps)?);
    }
    if let Ok(artifacts) = artifacts {
        show_artifacts(out, &shaped(&artifacts)?);
    }
    Ok(Exit::Success)
}

/// What an engine outside marked as done.
fn show_steps(out: &mut Out, steps: &StepList) {
    if !steps.items.is_empty() {
        out.line("");
    }
    for step in &steps.items {
        let data = if step.data.is_null() { String::new() } else { format!(" {}", step.data) };
        out.line(format!("{} done: {}{data}", local(&step.at), step.name));
    }
}

/// What an engine outside left behind.
fn show_artifacts(out: &mut Out, artifacts: &ArtifactList) {
    if artifacts.items.is_empty() {
        return;
    }
    let row = |artifact: &ArtifactView| {
        let size = format!("{} bytes", artifact.size);
        [artifact.id.clone(), artifact.name.clone(), artifact.media_type.clone(), size, artifact.attempt.to_string()]
    };
    let rows: Vec<_> = artifacts.items.iter().map(row).collect();
    out.line("");
    out.table(["ARTIFACT", "NAME", "KIND", "SIZE", "ATTEMPT"], &rows);
}

async fn replay(client: &Client, run: &str, out: &mut Out) -> Result<Exit, Error> {
    let running = Progress::begin("Running the journal again …");
    let answer = client.post(&["v1", "runs", run, "replay"], Value::Object(Map::new())).await?;
    drop(running);
    let replay: ReplayView = shaped(&answer)?;
    if out.is_json() {
        out.value(&answer);
    } else {
        match &replay.difference {
            None => out.line(format!("Equal: {}, to the {}.", render::count(replay.calls, "call"), replay.reached)),
            Some(difference) => {
                out.line(format!("Different: {}", difference.message));
                render::value(out, "  recorded: ", &difference.recorded);
                render::value(out, "  now: ", &difference.actual);
            }
        }
    }
    Ok(if replay.equal { Exit::Success } else { Exit::Failure })
}

async fn bundle(client: &Client, run: &str, output: Option<PathBuf>, out: &mut Out) -> Result<Exit, Error> {
    let writing = Progress::begin("Writing the bundle …");
    let answer = client.get(&["v1", "runs", run, "bundle"]).await?;
    drop(writing);
    let bundle: BundleV1 = shaped(&answer)?;
    let path = output.unwrap_or_else(|| PathBuf::from(format!("{run}.bundle.json")));
    let mut text = serde_json::to_string_pretty(&answer).unwrap_or_default();
    text.push('\n');
    let refused = |error: std::io::Error| Error::new(Code::FileUnreadable, format!("{}: {error}", path.display()));
    // Whoever is in it is in it no more, and still it is nobody else's by default.
    private_file(&path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(refused)?;
    if out.is_json() {
        out.value(&json!({ "file": path, "replaced": bundle.replaced, "reproduces": bundle.reproduces }));
        return Ok(Exit::Success);
    }
    let count = usize::try_from(bundle.replaced).unwrap_or(usize::MAX);
    out.line(format!(
        "{}: {} replaced.",
        path.display(),
        if count == 1 { "1 text".to_owned() } else { format!("{count} texts") }
    ));
    if bundle.reproduces {
        out.line(format!("`steward replay {}` leads to the same end anywhere.", path.display()));
    } else {
        out.line("A replay of it leads elsewhere: the script looks at something that was replaced. It may still help.");
    }
    Ok(Exit::Success)
}

/// A new file that only its owner reads.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether an event ends what is watched.
fn is_last(event: &EventView) -> bool {
    matches!(event.kind.as_str(), "run.succeeded" | "run.failed" | "run.stopped")
}

async fn watch(client: &Client, which: Option<&str>, out: &mut Out) -> Result<Exit, Error> {
    let run = which.filter(|which| which.starts_with("run_"));
    let room = match (run, which) {
        (Some(run), _) => shaped::<RunDetail>(&client.get(&["v1", "runs", run]).await?)?.run.automation,
        (None, Some(automation)) => automation.to_owned(),
        (None, None) => "all".to_owned(),
    };
    let mut last = None;
    let mut unreadable = None;
    let each = |event: crate::cli::client::Event| {
        let value: Value = match serde_json::from_str(&event.data) {
            Ok(value) => value,
            Err(error) => {
                unreadable = Some(error);
                return false;
            }
        };
        let Ok(event) = shaped::<EventView>(&value) else { return true };
        if run.is_some() && event.run.as_deref() != run {
            return true;
        }
        if out.is_json() {
            out.compact(&value);
        } else {
            let about = event.run.as_deref().unwrap_or(&event.room);
            out.line(format!("{}  {:<20} {about}  {}", local(&event.at), event.kind, event.data));
        }
        let over = run.is_some() && is_last(&event);
        if over {
            last = Some(event.kind);
        }
        !over && !out.is_closed()
    };
    client.stream(&["v1", "streams", "rooms", &room], &[], each).await?;
    if let Some(error) = unreadable {
        return Err(Error::new(Code::AnswerUnreadable, format!("the server's stream makes no sense: {error}")));
    }
    Ok(match last.as_deref() {
        Some("run.succeeded") | None => Exit::Success,
        Some(_) => Exit::RunFailed,
    })
}
