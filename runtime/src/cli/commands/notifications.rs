//! `steward notifications`.

use serde_json::json;

use crate::api::{NotificationPage, NotificationView, TestedView};
use crate::cli::args::Notifications;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::{local, local_or_dash};
use crate::error::Error;

/// What to do where nobody is told anything.
const NONE: &str =
    "You are told nothing; set `notifications.mail_to` or `notifications.webhook` with `steward settings set`.";

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Notifications, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Notifications::List => list(client, out).await,
        Notifications::Test => test(client, out).await,
    }
}

fn reason(notification: &NotificationView) -> String {
    let code = notification.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    notification.reason.as_ref().map(|reason| format!("{reason}{code}")).unwrap_or_default()
}

async fn list(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "notifications"]).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let page: NotificationPage = shaped(&answer)?;
    if page.channels.is_empty() {
        out.line(NONE);
    }
    for channel in &page.channels {
        let how = channel.failing.as_ref().map_or_else(|| "works".to_owned(), |why| format!("fails: {why}"));
        out.line(format!("{} to {}: {how}", channel.channel, channel.to));
    }
    if let Some(until) = &page.quiet_until {
        out.line(format!("It is quiet until {}; only what is urgent is told before.", local(until)));
    }
    if let Some(at) = &page.next_digest {
        out.line(format!("The next digest comes {}.", local(at)));
    }
    if page.items.is_empty() {
        return Ok(Exit::Success);
    }
    let row = |item: &NotificationView| {
        let at = local_or_dash(item.ended_at.as_ref().or(item.next_at.as_ref()));
        [item.id.clone(), item.kind.clone(), item.channel.clone(), item.state.clone(), at, reason(item)]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    out.table(["NOTIFICATION", "KIND", "BY", "STATE", "AT", "WHY"], &rows);
    Ok(Exit::Success)
}

async fn test(client: &Client, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.post(&["v1", "notifications", "test"], json!({})).await?;
    let tested: TestedView = shaped(&answer)?;
    let arrived = tested.items.iter().all(|item| item.state == "sent");
    if out.is_json() {
        out.value(&answer);
    } else if tested.items.is_empty() {
        out.line(NONE);
    } else {
        for item in &tested.items {
            let why = reason(item);
            let why = if why.is_empty() { why } else { format!(": {why}") };
            out.line(format!("{}: {}{why}", item.channel, item.state));
        }
    }
    Ok(if arrived && !tested.items.is_empty() { Exit::Success } else { Exit::Failure })
}
