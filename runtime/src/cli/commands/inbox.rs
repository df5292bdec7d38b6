//! `steward inbox`.

use serde_json::json;

use super::render;
use crate::api::{NeedPage, NeedView};
use crate::cli::args::Inbox;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Inbox, out: &mut Out) -> Result<Exit, Error> {
    let answer = match command {
        Inbox::List { all } => return list(client, all, out).await,
        Inbox::Show { need } => client.get(&["v1", "needs", &need]).await?,
        Inbox::Answer { need, choice } => {
            let body = json!({ "choice": choice.replace('-', "_") });
            client.post(&["v1", "needs", &need, "answer"], body).await?
        }
    };
    if out.is_json() {
        out.value(&answer);
    } else {
        render::need(out, &shaped::<NeedView>(&answer)?);
    }
    Ok(Exit::Success)
}

async fn list(client: &Client, all: bool, out: &mut Out) -> Result<Exit, Error> {
    let status = if all { "all" } else { "open" };
    let answer = client.get_with(&["v1", "needs"], &[("status", status.to_owned())]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: NeedPage = shaped(&answer)?;
    if page.items.is_empty() {
        out.line("Nothing waits for you.");
        return Ok(Exit::Success);
    }
    let rows: Vec<_> = page
        .items
        .iter()
        .map(|need| {
            [need.id.clone(), need.kind.clone(), need.status.clone(), local(&need.created_at), need.title.clone()]
        })
        .collect();
    out.table(["NEED", "KIND", "STATUS", "SINCE", "WHAT"], &rows);
    out.line("`steward inbox show NEED` tells what is known and what may be answered.");
    Ok(Exit::Success)
}
