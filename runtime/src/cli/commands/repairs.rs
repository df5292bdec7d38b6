//! `steward repairs`.

use serde_json::json;

use crate::api::{RepairPage, RepairView};
use crate::cli::args::Repairs;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Repairs, out: &mut Out) -> Result<Exit, Error> {
    let answer = match command {
        Repairs::List { automation } => return list(client, automation, out).await,
        Repairs::Show { repair } => client.get(&["v1", "repairs", &repair]).await?,
        Repairs::Undo { repair } => client.post(&["v1", "repairs", &repair, "undo"], json!({})).await?,
    };
    if out.is_json() {
        out.value(&answer);
    } else {
        show(out, &shaped::<RepairView>(&answer)?);
    }
    Ok(Exit::Success)
}

async fn list(client: &Client, automation: Option<String>, out: &mut Out) -> Result<Exit, Error> {
    let query: Vec<_> = automation.into_iter().map(|which| ("automation", which)).collect();
    let answer = client.get_with(&["v1", "repairs"], &query).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: RepairPage = shaped(&answer)?;
    if page.items.is_empty() {
        out.line("Nothing was repaired.");
        return Ok(Exit::Success);
    }
    let row = |repair: &RepairView| {
        let version = repair
            .new_version
            .as_ref()
            .map_or_else(|| repair.version.clone(), |new| format!("{} -> {new}", repair.version));
        [repair.id.clone(), repair.state.clone(), version, local(&repair.created_at), repair.broke.clone()]
    };
    out.table(["REPAIR", "STATE", "VERSION", "BEGAN", "WHAT BROKE"], &page.items.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Success)
}

fn show(out: &mut Out, repair: &RepairView) {
    out.line(format!("{} ({})", repair.broke, repair.state));
    out.line(format!("  {} of {}, began {}", repair.id, repair.automation, local(&repair.created_at)));
    if let (Some(kind), Some(reason)) = (&repair.kind, &repair.reason) {
        let live = repair.new_version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
        out.line(format!("  what changed: {kind}{live}: {reason}"));
    }
    for line in repair.diff.iter().flat_map(|diff| diff.lines()) {
        out.line(format!("    {line}"));
    }
    if let Some(proof) = &repair.proof {
        out.line(format!("  proof: {proof}"));
    }
    for difference in &repair.differences {
        out.line(format!("  difference: {difference}"));
    }
    for tried in &repair.tried {
        out.line(format!("  tried: {}", tried.what));
        for why in &tried.why {
            out.line(format!("    does not hold: {why}"));
        }
    }
    for run in &repair.runs {
        let went_on =
            run.resumed.as_ref().map_or_else(|| "waits".to_owned(), |resumed| format!("went on as {resumed}"));
        out.line(format!("  run: {} {went_on}", run.run));
    }
    out.line(format!("  cost: {}", repair.cost));
    if let Some(ended) = &repair.ended {
        out.line(format!("  {ended}"));
    }
    if let Some(need) = &repair.need {
        out.line(format!("  asked: steward inbox show {need}"));
    }
    if repair.can_undo {
        out.line(format!("  undo: steward repairs undo {}", repair.id));
    }
}
