//! `draft`: a proposal, checked, tried, and shown to the person as a card.

use serde::Deserialize;
use serde_json::Value;

use super::world::{read_in, recordings};
use super::{Carried, Desk, Tool};
use crate::chat::{MessageKind, NewMessage};
use crate::error::Error;
use crate::ops::{self, Proposal, explain};
use crate::store;

/// Problems of a contract that a model is told at once; the rest comes when these are mended.
const PROBLEMS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    name: String,
    contract: Value,
    script: String,
    #[serde(default)]
    script_does: Vec<String>,
    #[serde(default)]
    assumptions: Vec<String>,
    #[serde(default)]
    changes: Option<String>,
}

pub(super) async fn draft(desk: &Desk<'_>, draft: Draft) -> Result<Carried, Error> {
    let contract = match explain::read(desk.app, &draft.contract) {
        Ok(contract) => contract,
        Err(error) => return refused(error),
    };
    let recordings = recordings(&contract, &read_in(desk.steps), desk.app.env.now());
    let recorded = recordings.is_some();
    let proposal = Proposal {
        name: draft.name,
        contract: draft.contract,
        script: draft.script,
        script_does: draft.script_does,
        assumptions: draft.assumptions,
        changes: draft.changes,
        recordings,
        named: desk.named.clone(),
    };
    let card = match ops::propose(desk.app, proposal).await {
        Ok(card) => card,
        Err(error) => return refused(error),
    };
    let body = &card.body;
    let mut text = format!(
        "The card is shown to the user. Only they can confirm it; say in one or two sentences what it is, and end the \
         turn.\nProof: {}\nSteward enforces:\n- {}",
        body.proof,
        body.enforced.join("\n- ")
    );
    // What the person reads in a line, the model is told in full: it may still mend it.
    if let Some(trial) = body.trial.as_deref().and_then(|id| id.parse().ok()) {
        let sheet = desk.app.store.trial(trial).await?.sheet;
        if sheet.counts.first_run_effects == 0 {
            text.push_str(
                "\nIn the world that was read there is nothing to do, so the trial saw no effect: say so to the user, \
                 or explore a case in which there is something.",
            );
        }
        for found in sheet.findings.iter().take(PROBLEMS_MAX) {
            text.push_str(&format!("\nThe trial notes ({}): {}", found.code, found.words));
        }
    }
    if !recorded {
        text.push_str(
            "\nNothing was read in this conversation that the script could be tried with: explore the services first, \
             so that the trial has a real world.",
        );
    }
    if !body.unnamed.is_empty() {
        text.push_str(&format!(
            "\nThe card warns the user of addresses that they never wrote: {}. Leave them out, or ask.",
            body.unnamed.join(", ")
        ));
    }
    let line = format!("wrote `{}` and tried it out: {}", body.automation_name, body.proof);
    let mut carried = Carried::new(Tool::Draft, true, text, line);
    let mut message = NewMessage::new(MessageKind::Card, &body.title);
    message.card = Some(card.id);
    carried.messages.push(message);
    carried.card = Some(card);
    Ok(carried)
}

/// A draft that does not become a card: the model is told why, and mends it.
fn refused(error: Error) -> Result<Carried, Error> {
    let line = match &error {
        Error::Contract(problems) => format!("wrote a contract with {} problems", problems.len()),
        Error::Store(store::Error::NotFound { .. })
        | Error::Face { .. }
        | Error::Config(_)
        | Error::Script(_)
        | Error::Connector(_)
        | Error::Model(_)
        | Error::Sandbox(_)
        | Error::Answered { .. } => format!("wrote a draft that does not hold: {}", error.code()),
        Error::Store(_) => return Err(error),
    };
    let text = match &error {
        Error::Contract(problems) => {
            let told = problems.iter().take(PROBLEMS_MAX);
            let told: Vec<_> = told.map(|problem| format!("- {problem} ({})", problem.code)).collect();
            format!(
                "No card was made. The contract has problems:\n{}\nMend them all, and draft again.",
                told.join("\n")
            )
        }
        Error::Face { .. }
        | Error::Config(_)
        | Error::Script(_)
        | Error::Store(_)
        | Error::Connector(_)
        | Error::Model(_)
        | Error::Sandbox(_)
        | Error::Answered { .. } => {
            format!("No card was made: {error} ({}). Mend it, and draft again.", error.code())
        }
    };
    Ok(Carried::new(Tool::Draft, false, text, line))
}
