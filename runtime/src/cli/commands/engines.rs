//! `steward engines`.

use serde_json::json;

use crate::api::{EngineList, EngineTokenMade, EngineTokenView};
use crate::cli::args::{EngineTokens, Engines};
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::{local, local_or_dash};
use crate::error::Error;

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Engines, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Engines::List => list(client, out).await,
        Engines::Token(EngineTokens::Create { name }) => {
            let answer = client.post(&["v1", "engines", "tokens"], json!({ "engine": name })).await?;
            if out.is_json() {
                out.value(&answer);
                return Ok(Exit::Success);
            }
            let made: EngineTokenMade = shaped(&answer)?;
            out.line(format!(
                "A token for the engine `{}` ({}). It is shown this once:",
                made.token.engine, made.token.id
            ));
            out.line(made.secret);
            Ok(Exit::Success)
        }
        Engines::Token(EngineTokens::List) => tokens(client, out).await,
        Engines::Token(EngineTokens::Revoke { token }) => {
            let answer = client.delete(&["v1", "engines", "tokens", &token]).await?;
            if out.is_json() {
                out.value(&answer);
                return Ok(Exit::Success);
            }
            let revoked: EngineTokenView = shaped(&answer)?;
            out.line(format!(
                "The token {} of `{}` is good no more, and its leases are over.",
                revoked.id, revoked.engine
            ));
            Ok(Exit::Success)
        }
    }
}

async fn list(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "engines"]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let list: EngineList = shaped(&answer)?;
    if list.items.is_empty() {
        out.line("No automation is executed outside, and there is no token for an engine.");
        return Ok(Exit::Success);
    }
    let rows: Vec<_> = list
        .items
        .iter()
        .map(|engine| {
            [
                engine.name.clone(),
                engine.ready.to_string(),
                engine.held.len().to_string(),
                engine.tokens.iter().filter(|token| token.revoked_at.is_none()).count().to_string(),
                engine.automations.join(", "),
            ]
        })
        .collect();
    out.table(["ENGINE", "READY", "HELD", "TOKENS", "AUTOMATIONS"], &rows);
    let held: Vec<_> = list
        .items
        .iter()
        .flat_map(|engine| &engine.held)
        .map(|held| [held.run.clone(), held.attempt.to_string(), held.token.clone(), local(&held.expires_at)])
        .collect();
    if !held.is_empty() {
        out.line("");
        out.table(["RUN", "ATTEMPT", "TOKEN", "LEASE UNTIL"], &held);
    }
    Ok(Exit::Success)
}

async fn tokens(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let list: EngineList = shaped(&client.get(&["v1", "engines"]).await?)?;
    let tokens: Vec<_> = list.items.into_iter().flat_map(|engine| engine.tokens).collect();
    if out.is_json() {
        out.value(&json!({ "items": tokens }));
        return Ok(Exit::Success);
    }
    let rows: Vec<_> = tokens
        .iter()
        .map(|token| {
            [
                token.id.clone(),
                token.engine.clone(),
                local(&token.created_at),
                token.created_by.clone(),
                local_or_dash(token.revoked_at.as_ref()),
            ]
        })
        .collect();
    out.table(["TOKEN", "ENGINE", "MADE", "BY", "REVOKED"], &rows);
    Ok(Exit::Success)
}
