//! `steward incidents`.

use crate::api::{IncidentPage, IncidentView};
use crate::cli::args::Incidents;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Incidents, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Incidents::List => list(client, out).await,
        Incidents::Show { incident } => {
            let answer = client.get(&["v1", "incidents", &incident]).await?;
            if out.is_json() {
                out.value(&answer);
            } else {
                show(out, &shaped::<IncidentView>(&answer)?);
            }
            Ok(Exit::Success)
        }
    }
}

async fn list(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "incidents"]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: IncidentPage = shaped(&answer)?;
    if page.items.is_empty() {
        out.line("There was no incident.");
        return Ok(Exit::Success);
    }
    let row = |incident: &IncidentView| {
        [incident.id.clone(), incident.state.clone(), local(&incident.opened_at), incident.title.clone()]
    };
    out.table(["INCIDENT", "STATE", "BEGAN", "WHAT FAILS"], &page.items.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Success)
}

fn show(out: &mut Out, incident: &IncidentView) {
    out.line(format!("{} ({})", incident.title, incident.state));
    out.line(format!("  {}, began {}", incident.id, local(&incident.opened_at)));
    for mark in &incident.timeline {
        let code = mark.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        out.line(format!("  {}  {} {}{code}, {}", local(&mark.at), mark.automation, mark.what, mark.run));
    }
    if let Some(closed) = &incident.closed_at {
        out.line(format!("  over since {}: every automation that failed has had a run that succeeded", local(closed)));
    }
}
