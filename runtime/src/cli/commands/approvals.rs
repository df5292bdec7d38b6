//! `steward approvals`.

use serde_json::json;

use super::render;
use crate::api::{ApprovalPage, ApprovalView};
use crate::cli::args::Approvals;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Approvals, out: &mut Out) -> Result<Exit, Error> {
    let answer = match command {
        Approvals::List { all } => return list(client, all, out).await,
        Approvals::Show { approval } => client.get(&["v1", "approvals", &approval]).await?,
        Approvals::Decide { approval, answer, reason } => {
            let body = json!({ "answer": answer.as_word(), "reason": reason });
            client.post(&["v1", "approvals", &approval, "decide"], body).await?
        }
        Approvals::Hold { approval, length } => {
            let body = json!({ "for": length });
            client.post(&["v1", "approvals", &approval, "hold"], body).await?
        }
        Approvals::TakeBack { approval } => {
            client.post(&["v1", "approvals", &approval, "take-back"], json!({})).await?
        }
    };
    if out.is_json() {
        out.value(&answer);
    } else {
        show(out, &shaped::<ApprovalView>(&answer)?);
    }
    Ok(Exit::Success)
}

async fn list(client: &Client, all: bool, out: &mut Out) -> Result<Exit, Error> {
    let status = if all { "all" } else { "open" };
    let answer = client.get_with(&["v1", "approvals"], &[("status", status.to_owned())]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: ApprovalPage = shaped(&answer)?;
    if page.items.is_empty() {
        out.line("Nothing waits for your approval.");
        return Ok(Exit::Success);
    }
    let row = |approval: &ApprovalView| {
        let title = approval.title.clone().unwrap_or_else(|| format!("{} (erased)", approval.tool));
        [approval.id.clone(), approval.status.clone(), local(&approval.expires_at), title]
    };
    out.table(["APPROVAL", "STATUS", "EXPIRES", "WHAT"], &page.items.iter().map(row).collect::<Vec<_>>());
    out.line("`steward approvals show APPROVAL` tells what exactly is asked.");
    Ok(Exit::Success)
}

fn show(out: &mut Out, approval: &ApprovalView) {
    let title = approval.title.as_deref().unwrap_or("The content of this approval was erased");
    out.line(format!("{title} ({})", approval.status));
    out.line(format!("  {} of {}, asked {}", approval.id, approval.run, local(&approval.created_at)));
    for clause in &approval.clauses {
        out.line(format!("  asked since: {clause}"));
    }
    if !approval.asked_again_for.is_empty() {
        out.line(format!("  asked again, since these have changed: {}", approval.asked_again_for.join(", ")));
    }
    if let Some(envelope) = &approval.envelope {
        out.line(format!("  a yes covers up to {} of these; {} used", envelope.at_most, envelope.used));
    }
    if !approval.asked.is_null() {
        render::value(out, "  asked: ", &approval.asked);
    }
    let open = ["pending", "held"].contains(&approval.status.as_str());
    if let Some(until) = &approval.held_until {
        out.line(format!("  put off until {}", local(until)));
    }
    match &approval.answer {
        Some(answer) => {
            let by = approval.decided_by.as_deref().unwrap_or("-");
            let reason = approval.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            out.line(format!("  answered: {answer}, by {by}{reason}"));
        }
        None if open => {
            out.line(format!("  becomes a no {}", local(&approval.expires_at)));
            out.line(format!("  answer: steward approvals decide {} yes|no", approval.id));
        }
        None => {}
    }
}
