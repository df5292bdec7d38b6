//! `steward audit`.

use serde_json::Value;

use crate::api::{AuditProgress, AuditView, Problem};
use crate::cli::args::Audit;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::progress::Progress;
use crate::error::{Code, Error};

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Audit, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Audit::Verify => verify(client, out).await,
    }
}

async fn verify(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let mut progress = Progress::begin("Looking through all events …");
    let mut last = None;
    let each = |event: crate::cli::client::Event| {
        let value: Value = serde_json::from_str(&event.data).unwrap_or_default();
        if event.name == "progress" {
            if let Ok(so_far) = shaped::<AuditProgress>(&value) {
                progress.say(&format!("{} events looked through …", so_far.events));
            }
            return true;
        }
        last = Some(value);
        false
    };
    client.stream(&["v1", "audit"], &[], each).await?;
    drop(progress);
    let broken = || Error::new(Code::AnswerUnreadable, "the audit broke off; look at the server's log");
    let answer = last.ok_or_else(broken)?;
    if let Some(problem) = Problem::read(&answer) {
        let Problem { status, code, detail, .. } = problem;
        return Err(Error::Answered { status, code, detail, body: answer });
    }
    let audit: AuditView = shaped(&answer)?;
    if out.is_json() {
        out.value(&answer);
    } else {
        let anchored =
            audit.anchored.map_or_else(|| "no anchor".to_owned(), |position| format!("anchored up to {position}"));
        out.line(format!("{} events in {} streams, {anchored}.", audit.events, audit.streams));
        for finding in audit.alarm.iter().chain(&audit.findings) {
            out.line(format!("✗ {finding}"));
        }
        if audit.ok {
            out.line("✓ Nothing was edited, swapped, deleted or cut.");
        }
    }
    Ok(if audit.ok { Exit::Success } else { Exit::Failure })
}
