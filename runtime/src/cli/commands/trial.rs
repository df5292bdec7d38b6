//! `steward trial` and `steward backtest`.

use serde_json::{Value, json};

use super::import;
use crate::api::{BacktestView, TrialView};
use crate::cli::args::{Backtest, Trial};
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::error::Error;
use crate::trial::SheetV1;

/// Tries a script out.
pub(in crate::cli) async fn run(client: &Client, command: Trial, out: &mut Out) -> Result<Exit, Error> {
    let mut body = match import::draft(&command.which)? {
        Some(draft) => draft,
        None => json!({ "automation": command.which }),
    };
    if let Some(file) = &command.recordings {
        body["recordings"] = import::json_file(file)?;
    }
    let trying = Progress::begin("Trying the script out …");
    let answer = client.post(&["v1", "trials"], body).await?;
    drop(trying);
    let trial: TrialView = shaped(&answer)?;
    told(&trial.sheet, &answer, out, &trial.id);
    Ok(exit(&trial.sheet))
}

/// Says what a script would have done.
pub(in crate::cli) async fn backtest(client: &Client, command: Backtest, out: &mut Out) -> Result<Exit, Error> {
    let mut body = json!({ "last": command.last });
    if let Some(script) = &command.script {
        body["script"] = import::script_file(script)?.into();
    }
    let going = Progress::begin("Going through past runs …");
    let answer = client.post(&["v1", "automations", &command.name, "backtest"], body).await?;
    drop(going);
    let found: BacktestView = shaped(&answer)?;
    let cut = if found.cut { ", the newest of more" } else { "" };
    let what = format!("{} runs of `{}` since {}{cut}", found.runs, found.automation, found.from);
    told(&found.sheet, &answer, out, &what);
    Ok(exit(&found.sheet))
}

fn told(sheet: &SheetV1, answer: &Value, out: &mut Out, what: &str) {
    if out.is_json() {
        out.value(answer);
    } else {
        out.line(sheet.text.trim_end());
        out.line(what);
    }
}

fn exit(sheet: &SheetV1) -> Exit {
    if sheet.findings.iter().any(|finding| finding.refutes) { Exit::Refused } else { Exit::Success }
}
