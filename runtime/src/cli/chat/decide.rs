//! Deciding on a card, and what comes after.

use serde_json::{Map, Value, json};

use super::screen::Screen;
use super::style::{Line, Style};
use crate::api::{AutomationDetail, ThreadCardView};
use crate::cli::client::{Client, shaped};
use crate::cli::time::local;
use crate::error::Error;

/// Confirms exactly the card that was shown.
pub(in crate::cli) async fn confirm(
    client: &Client,
    card: &ThreadCardView,
    shadow: bool,
) -> Result<ThreadCardView, Error> {
    let mut body = json!({ "digest": card.digest });
    if shadow {
        body["shadow"] = true.into();
    }
    shaped(&client.post(&["v1", "cards", &card.id, "confirm"], body).await?)
}

/// Throws a card away.
pub(in crate::cli) async fn reject(client: &Client, card: &ThreadCardView) -> Result<ThreadCardView, Error> {
    shaped(&client.post(&["v1", "cards", &card.id, "reject"], Value::Object(Map::new())).await?)
}

/// When an automation starts by itself the next time, if it does.
pub(in crate::cli) async fn next_run(client: &Client, name: &str) -> Result<Option<String>, Error> {
    let detail: AutomationDetail = shaped(&client.get(&["v1", "automations", name]).await?)?;
    Ok(detail.triggers.iter().filter_map(|trigger| trigger.next_at.as_deref()).min().map(local))
}

/// Says when it starts by itself, and how to start it now.
pub(in crate::cli) async fn next_steps(
    client: &Client,
    name: &str,
    lasting: bool,
    screen: &mut Screen,
) -> Result<(), Error> {
    let mut steps = vec![("Run it now", format!("steward automations run {name} --wait"))];
    if let Some(next) = next_run(client, name).await? {
        steps.insert(0, ("Next run", next));
    }
    if !lasting {
        steps.push(("Keep going", "steward serve    (nothing starts by itself while no server runs)".to_owned()));
    }
    for (what, how) in steps {
        screen.line(&Line::marked(Style::Dim, format!("  {what:<12} "), Style::Plain, how));
    }
    Ok(())
}
