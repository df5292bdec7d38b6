//! `steward golden`.

use serde_json::json;

use super::render;
use crate::api::{GoldenCheckView, GoldenList, GoldenView};
use crate::bundle::Bundle;
use crate::cli::args::Golden;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::cli::time::local;
use crate::error::Error;

/// Does what `steward golden` says.
pub(in crate::cli) async fn run(client: &Client, command: Golden, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Golden::List { automation } => list(client, automation, out).await,
        Golden::Keep { run } => {
            let answer = client.post(&["v1", "goldens"], json!({ "run": run })).await?;
            let kept: GoldenView = shaped(&answer)?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(format!("{}: every version must lead to what {run} led to.", kept.id));
            }
            Ok(Exit::Success)
        }
        Golden::Check { automation } => check(client, automation, out).await,
        Golden::Import { bundle, automation } => {
            // What makes no sense is said here, before anything is sent.
            let bundle = Bundle::open(&bundle)?;
            let body = json!({ "automation": automation, "bundle": bundle.file() });
            let answer = client.post(&["v1", "goldens", "import"], body).await?;
            let kept: GoldenView = shaped(&answer)?;
            match (out.is_json(), &kept.words) {
                (true, _) => out.value(&answer),
                (false, None) => out.line(format!("{}: kept, and verified.", kept.id)),
                (false, Some(words)) => out.line(format!("{}: kept. With the script in force: {words}.", kept.id)),
            }
            Ok(Exit::Success)
        }
        Golden::Remove { golden } => {
            let answer = client.delete(&["v1", "goldens", &golden]).await?;
            if out.is_json() {
                out.value(&answer);
            } else {
                out.line(format!("{golden} is removed; the run itself stays."));
            }
            Ok(Exit::Success)
        }
    }
}

async fn list(client: &Client, automation: Option<String>, out: &mut Out) -> Result<Exit, Error> {
    let query: Vec<_> = automation.into_iter().map(|automation| ("automation", automation)).collect();
    let answer = client.get_with(&["v1", "goldens"], &query).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let found: GoldenList = shaped(&answer)?;
    let row = |golden: &GoldenView| {
        [
            golden.id.clone(),
            golden.automation.clone(),
            golden.kind.clone(),
            golden.verdict.clone().unwrap_or_else(|| "not checked".to_owned()),
            golden.checked_at.as_deref().map_or_else(|| "-".to_owned(), local),
            golden.run.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<_> = found.items.iter().map(row).collect();
    out.table(["GOLDEN", "AUTOMATION", "KIND", "VERDICT", "CHECKED", "RUN"], &rows);
    Ok(Exit::Success)
}

async fn check(client: &Client, automation: Option<String>, out: &mut Out) -> Result<Exit, Error> {
    let going = Progress::begin("Replaying golden runs …");
    let answer = client.post(&["v1", "goldens", "check"], json!({ "automation": automation })).await?;
    drop(going);
    let found: GoldenCheckView = shaped(&answer)?;
    if out.is_json() {
        out.value(&answer);
    } else {
        out.line(&found.line);
        for difference in &found.differences {
            let run = difference.run.as_deref().unwrap_or("from a bundle");
            out.line(format!("{} of `{}` ({run}): {}", difference.golden, difference.automation, difference.words));
            for (side, effects) in [("  then: ", &difference.then), ("  now:  ", &difference.now)] {
                effects.iter().for_each(|effect| render::value(out, side, effect));
            }
        }
    }
    Ok(if found.differences.is_empty() { Exit::Success } else { Exit::Refused })
}
