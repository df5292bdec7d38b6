//! `steward inbox`.

use intents::need::Choice;
use serde_json::{Value, json};

use super::render;
use crate::api::{AnswersView, NeedPage, NeedView};
use crate::cli::args::Inbox;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::{Code, Error};

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Inbox, out: &mut Out) -> Result<Exit, Error> {
    let answer = match command {
        Inbox::List { all, snoozed } => return list(client, all, snoozed, out).await,
        Inbox::Show { need } => client.get(&["v1", "needs", &need]).await?,
        Inbox::Answer { all_of, mut words } => {
            let choice = words.pop().unwrap_or_default();
            // The name of a choice may be written either way; the words of an option are as they are.
            let named = choice.replace('-', "_");
            let choice = if named.parse::<Choice>().is_ok() { named } else { choice };
            match (all_of, words.as_slice()) {
                (None, []) => {
                    let message = "say which need, and then the choice: `steward inbox answer NEED CHOICE`";
                    return Err(Error::new(Code::InputMalformed, message));
                }
                (None, [need]) => client.post(&["v1", "needs", need, "answer"], json!({ "choice": choice })).await?,
                (None, needs) => return together(client, json!({ "needs": needs, "choice": choice }), out).await,
                (Some(kind), []) => {
                    return together(client, json!({ "all_of": kind, "choice": choice }), out).await;
                }
                (Some(_), _) => {
                    let message = "say either the needs or `--all-of KIND`, and then the choice";
                    return Err(Error::new(Code::InputMalformed, message));
                }
            }
        }
        Inbox::Snooze { need, length } => {
            client.post(&["v1", "needs", &need, "snooze"], json!({ "for": length })).await?
        }
        Inbox::Unsnooze { need } => client.post(&["v1", "needs", &need, "unsnooze"], json!({})).await?,
    };
    if out.is_json() {
        out.value(&answer);
    } else {
        render::need(out, &shaped::<NeedView>(&answer)?);
    }
    Ok(Exit::Success)
}

/// Gives several needs one answer, and says which of them took it.
async fn together(client: &Client, body: Value, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.post(&["v1", "needs", "answers"], body).await?;
    let view: AnswersView = shaped(&answer)?;
    if out.is_json() {
        out.value(&answer);
    } else {
        let answered = i64::try_from(view.answered.len()).unwrap_or(i64::MAX);
        out.line(format!("{} answered.", render::count(answered, "need")));
        for refused in &view.refused {
            out.line(format!("  not {}: {} ({})", refused.need, refused.detail, refused.code));
        }
        if view.more {
            out.line("There are more of them; say it again.");
        }
    }
    Ok(if view.refused.is_empty() { Exit::Success } else { Exit::Refused })
}

async fn list(client: &Client, all: bool, snoozed: bool, out: &mut Out) -> Result<Exit, Error> {
    let status = if all { "all" } else { "open" };
    let query = [("status", status.to_owned()), ("snoozed", snoozed.to_string())];
    let answer = client.get_with(&["v1", "needs"], &query).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: NeedPage = shaped(&answer)?;
    if page.items.is_empty() {
        out.line("Nothing waits for you.");
    } else {
        let row = |need: &NeedView| {
            let state = match &need.snoozed_until {
                Some(until) if need.status == "open" && snoozed => format!("put off until {}", local(until)),
                Some(_) | None => need.status.clone(),
            };
            let since = local(&need.created_at);
            [need.id.clone(), need.kind.clone(), need.priority.clone(), state, since, need.title.clone()]
        };
        let rows: Vec<_> = page.items.iter().map(row).collect();
        out.table(["NEED", "KIND", "PRIORITY", "STATUS", "SINCE", "WHAT"], &rows);
        out.line("`steward inbox show NEED` tells what is known and what may be answered.");
    }
    if page.snoozed > 0 && !snoozed && !all {
        out.line(format!("You put {} off; `steward inbox list --snoozed` shows them.", page.snoozed));
    }
    Ok(Exit::Success)
}
