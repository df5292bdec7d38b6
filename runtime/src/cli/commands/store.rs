//! `steward store`: moves a store; it works on the data folder itself, and needs no server.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use connectors::vault::Secret;
use serde_json::json;

use super::backup::vault;
use crate::backup::refuse_unfinished;
use crate::cli::args::Stores;
use crate::cli::exit::Exit;
use crate::cli::out::{Out, tell};
use crate::cli::progress::Progress;
use crate::config::Config;
use crate::error::{Code, Error};
use crate::store::{self, Keys, Moved, Step};

/// An address is one line.
const ADDRESS_BYTES_MAX: usize = 4096;

/// Does what the command says.
pub(in crate::cli) async fn run(config: &Config, command: Stores, out: &mut Out) -> Result<Exit, Error> {
    match command {
        Stores::Migrate { to, to_file } => {
            let to = match (to, to_file) {
                (Some(to), _) => Some(to),
                (None, Some(file)) => Some(address(&file)?),
                (None, None) => None,
            };
            migrate(config, to, out).await
        }
    }
}

/// Reads an address. The message never repeats what the file holds.
fn address(file: &Path) -> Result<Secret, Error> {
    let failed = |reason: &str| Error::new(Code::FileUnreadable, format!("`{}`: {reason}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error.to_string()))?;
    if text.len() > ADDRESS_BYTES_MAX || text.trim().is_empty() {
        return Err(failed("it holds no address of a database"));
    }
    Ok(Secret::new(text.trim()))
}

async fn migrate(config: &Config, to: Option<Secret>, out: &mut Out) -> Result<Exit, Error> {
    refuse_unfinished(&config.home)?;
    let mut place = config.store.clone();
    place.url = to.or(place.url);
    let Some(postgres) = place.postgres() else {
        let message = "name the database with --to-file FILE or --to URL, or set `store.url`";
        return Err(Error::new(Code::InputMalformed, message));
    };
    let keys = Keys::of(&vault(config)?);
    let progress = Mutex::new(Progress::begin("Moving the store …"));
    let say = |step: Step| {
        let text = match step {
            Step::Copied(table, rows) => format!("Moving the store: {rows} rows of {}", table.name()),
            Step::Compared(table) => format!("Comparing: {}", table.name()),
        };
        progress.lock().unwrap_or_else(PoisonError::into_inner).say(&text);
    };
    let moved = store::transfer(&config.home, &postgres, &keys, &say).await;
    drop(progress);
    let Moved { to, tables, rows, events, resumed } = moved?;
    if out.is_json() {
        out.value(&json!({ "to": to, "tables": tables, "rows": rows, "events": events, "resumed": resumed }));
        return Ok(Exit::Success);
    }
    out.line(format!(
        "✓ Moved to {to}: {rows} rows in {tables} tables, all compared; {events} events follow each other."
    ));
    tell("Set `store.url` to it. The folder keeps the keys and the archive; its `steward.db` is not used any more.");
    Ok(Exit::Success)
}
