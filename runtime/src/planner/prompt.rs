//! What a model is told before a conversation: what it is for, how contracts and scripts are written, and what there is on
//! this machine. The prompts are files, with their version in their names.

use intents::chat::Surroundings;
use jiff::tz::TimeZone;

use crate::app::App;
use crate::error::Error;
use crate::models::fenced;
use crate::store::{ALLOW_PRIVATE, FOLDER_PREFIX, Mode};

const SYSTEM: &str = include_str!("../../prompts/planner/system.v1.md");
const CONTRACT: &str = include_str!("../../prompts/planner/contract.v1.md");
const SCRIPT: &str = include_str!("../../prompts/planner/script.v1.md");

/// Automations that are named to the model; it can ask for the rest.
const AUTOMATIONS_MAX: usize = 60;

/// What a person can name in a word.
pub(super) async fn surroundings(app: &App) -> Result<Surroundings, Error> {
    let settings = app.store.settings().await?;
    let folders = settings.iter().filter_map(|setting| setting.name.strip_prefix(FOLDER_PREFIX)).map(str::to_owned);
    let connections = app.vault.names().into_iter().filter(|name| name.starts_with("conn_"));
    Ok(Surroundings { folders: folders.collect(), connections: connections.collect() })
}

/// The whole of it.
pub(super) async fn system(app: &App, around: &Surroundings) -> Result<String, Error> {
    let here = fenced(&here(app, around).await?);
    Ok(format!("{SYSTEM}\n\n{CONTRACT}\n\n{SCRIPT}\n\n# What there is on this machine\n\n{here}\n"))
}

/// What there is on this machine. Names alone: no path, no secret.
async fn here(app: &App, around: &Surroundings) -> Result<String, Error> {
    let settings = app.store.settings().await?;
    let private =
        settings.iter().find(|setting| setting.name == ALLOW_PRIVATE).map(|setting| setting.value.to_string());
    let automations = app.store.automations().await?;
    let known: Vec<_> = automations.iter().filter(|automation| automation.mode != Mode::Removed).collect();
    let named = known.iter().take(AUTOMATIONS_MAX);
    let named: Vec<_> =
        named.map(|automation| format!("{} ({}): {}", automation.name, automation.mode, automation.title)).collect();
    let now = app.env.now().to_jiff().to_zoned(TimeZone::system());
    let list = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
    let mail = match &app.config.mail {
        connectors::email::Mail::Smtp(_) => "sent through the mail server that is configured",
        connectors::email::Mail::Outbox(_) => "put into an outbox folder, since no mail server is configured",
    };
    Ok(format!(
        "Now: {}\nGranted folders: {}\nConnected accounts: {}\nPrivate hosts that may be called: {}\nMail is {mail}.\n\
         Automations ({}):\n{}",
        now.strftime("%A, %Y-%m-%d %H:%M %Q"),
        list(&around.folders),
        list(&around.connections),
        private.unwrap_or_else(|| "none".to_owned()),
        known.len(),
        if named.is_empty() { "none".to_owned() } else { named.join("\n") },
    ))
}
