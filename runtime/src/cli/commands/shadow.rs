//! `steward automations shadowed`.

use super::render;
use crate::api::{ShadowNoteView, ShadowView};
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Shows what an automation would have done in its shadow.
pub(super) async fn show(client: &Client, name: &str, query: &[(&str, String)], out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get_with(&["v1", "automations", name, "shadow"], query).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let shown: ShadowView = shaped(&answer)?;
    if shown.shadow.is_none() {
        out.line(format!("`{name}` was never in shadow; `steward automations shadow {name}` puts it there."));
        return Ok(Exit::Success);
    }
    let state = if shown.over { "was" } else { "is" };
    let counts: Vec<_> = shown.counts.iter().map(|(would, count)| format!("{count} {would}")).collect();
    let counts = if counts.is_empty() { "nothing yet".to_owned() } else { counts.join(", ") };
    let runs = render::count(i64::try_from(shown.runs).unwrap_or(i64::MAX), "run");
    out.line(format!("`{name}` {state} in shadow. What it would have done, in {runs}: {counts}."));
    if shown.suppressions > 0 {
        out.line(format!(
            "{} more would have done the same again, and were given what the first led to.",
            shown.suppressions
        ));
    }
    let rows: Vec<_> = shown.items.iter().map(row).collect();
    if !rows.is_empty() {
        out.table(["AT", "TOOL", "KEY", "WOULD HAVE", "BECAUSE", "RUN", "WITH"], &rows);
    }
    if let Some(next) = shown.next {
        out.line(format!("There are more: `--before {next}`."));
    }
    Ok(Exit::Success)
}

fn row(note: &ShadowNoteView) -> [String; 7] {
    let until = note.until.as_ref().map(|until| format!(" until {}", local(until))).unwrap_or_default();
    [
        local(&note.at),
        note.tool.clone(),
        note.key.clone().unwrap_or_default(),
        format!("{}{until}", note.would),
        note.clauses.join(" "),
        note.run.clone(),
        note.arguments.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}
