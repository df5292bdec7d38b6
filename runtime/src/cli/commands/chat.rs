//! `steward chat`.

mod say;
mod talk;

use std::io::{self, IsTerminal};

use serde_json::{Map, Value};

use crate::api::{MessageView, ProviderList, ThreadPage, ThreadView};
use crate::cli::args::{Chat, Chats};
use crate::cli::chat::{Screen, message};
use crate::cli::client::{Client, shaped};
use crate::cli::connect::Link;
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};

/// Messages of a page.
const PAGE: usize = 100;

/// A thread that is talked in.
struct Room<'a> {
    link: &'a Link,
    config: &'a Config,
    env: &'a Env,
}

/// Does what the command says.
pub(in crate::cli) async fn run(
    link: &Link,
    command: Chat,
    config: &Config,
    env: &Env,
    out: &mut Out,
) -> Result<Exit, Error> {
    let client = &link.client;
    match command.command {
        Some(Chats::List) => return list(client, out).await,
        Some(Chats::Show { thread }) => return show(client, &thread, out).await,
        None => {}
    }
    if !has_provider(client, out).await? {
        return Ok(Exit::Failure);
    }
    let thread = match (command.thread.or(command.in_thread), command.last) {
        (Some(thread), _) => Some(shaped(&client.get(&["v1", "threads", &thread]).await?)?),
        (None, true) => Some(newest(client).await?),
        (None, false) => None,
    };
    let room = Room { link, config, env };
    match command.say {
        Some(text) => say::say(&room, thread, &text, command.confirm, out).await,
        None if io::stdin().is_terminal() && io::stdout().is_terminal() && !out.is_json() => {
            talk::talk(&room, thread).await
        }
        None => {
            let message = "nobody is at the terminal; say something with `steward chat --say TEXT`";
            Err(Error::new(Code::InputMalformed, message))
        }
    }
}

/// Begins a thread.
async fn begin(client: &Client) -> Result<ThreadView, Error> {
    shaped(&client.post(&["v1", "threads"], Value::Object(Map::new())).await?)
}

async fn newest(client: &Client) -> Result<ThreadView, Error> {
    let threads: ThreadPage = shaped(&client.get(&["v1", "threads"]).await?)?;
    let none = || Error::new(Code::InputMalformed, "there is no chat yet; begin one with `steward chat`");
    threads.items.into_iter().next().ok_or_else(none)
}

/// Whether somebody can answer; says what to type where nobody can.
async fn has_provider(client: &Client, out: &mut Out) -> Result<bool, Error> {
    let answer = client.get(&["v1", "providers"]).await?;
    let providers: ProviderList = shaped(&answer)?;
    if !providers.items.is_empty() {
        return Ok(true);
    }
    if out.is_json() {
        out.compact(&answer);
        return Ok(false);
    }
    out.line("No model is set up, so nobody can answer. Add one, and come back:");
    out.line("");
    out.line("  steward providers add openai --url https://api.openai.com/v1 --model gpt-5-mini --price-in 0.25 --price-out 2");
    for offer in &providers.offers {
        let model = offer.models.first().map_or("MODEL", String::as_str);
        out.line(format!("  steward providers add {} --url {} --model {model}", offer.name, offer.base_url));
    }
    out.line("");
    out.line("To see how it goes without one: `steward demo`.");
    Ok(false)
}

async fn list(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "threads"]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let threads: ThreadPage = shaped(&answer)?;
    let row = |thread: &ThreadView| {
        let id = thread.id.clone();
        [id, thread.state.clone(), local(&thread.updated_at), thread.title.clone().unwrap_or_default()]
    };
    let rows: Vec<_> = threads.items.iter().map(row).collect();
    if rows.is_empty() {
        out.line("There is no chat yet; begin one with `steward chat`.");
    } else {
        out.table(["THREAD", "STATE", "LAST", "TITLE"], &rows);
    }
    Ok(Exit::Success)
}

async fn show(client: &Client, thread: &str, out: &mut Out) -> Result<Exit, Error> {
    let mut screen = Screen::standard();
    let mut seen = 0;
    loop {
        let page = messages(client, thread, seen).await?;
        let Some((last, _)) = page.last() else { return Ok(Exit::Success) };
        seen = last.seq;
        for (said, whole) in &page {
            if out.is_json() {
                out.compact(whole);
            } else {
                message(&mut screen, said);
            }
        }
    }
}

/// The messages behind a place: as they are, and as they were answered.
async fn messages(client: &Client, thread: &str, after: i64) -> Result<Vec<(MessageView, Value)>, Error> {
    let query = [("after", after.to_string()), ("limit", PAGE.to_string())];
    let mut answer = client.get_with(&["v1", "threads", thread, "messages"], &query).await?;
    let items: Vec<Value> = shaped(&answer["items"].take())?;
    items.into_iter().map(|whole| Ok((shaped(&whole)?, whole))).collect()
}
