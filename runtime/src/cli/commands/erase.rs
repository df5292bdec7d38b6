//! `steward erase`.

use serde_json::{Value, json};

use crate::api::ErasedView;
use crate::cli::args::{Erasable, Erase};
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::{Out, confirmed, tell};
use crate::error::{Code, Error};

/// Does what the command says.
pub(in crate::cli) async fn run(client: &Client, command: Erase, out: &mut Out) -> Result<Exit, Error> {
    let (what, body) = match command.what {
        Erasable::Run { run } => (format!("the content of {run}"), json!({ "run": run })),
        Erasable::Automation { name } => {
            (format!("the content of all runs of `{name}` that are over"), json!({ "automation": name }))
        }
        Erasable::Key { name, tool, key } => {
            let parsed: Value = serde_json::from_str(&key)
                .map_err(|error| Error::new(Code::InputMalformed, format!("the key is no JSON: {error}")))?;
            (
                format!("what is known of {tool} under this key"),
                json!({ "automation": name, "tool": tool, "key": parsed }),
            )
        }
    };
    let unasked = || Error::new(Code::ConfirmationNeeded, "nobody confirmed; run the command again with `--yes`");
    if !command.yes && !confirmed(&format!("Erase {what} for good?")).ok_or_else(unasked)? {
        return Ok(Exit::Refused);
    }
    let answer = client.post(&["v1", "erasures"], body).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let erased: ErasedView = shaped(&answer)?;
    out.line(format!(
        "Erased: {} runs, {} effects, {} needs, {} messages, {} artifacts, {} remembered values.",
        erased.runs, erased.effects, erased.needs, erased.messages, erased.artifacts, erased.values
    ));
    if erased.under_way > 0 {
        out.line(format!("Left: {} runs that are not over; stop them, and erase them then.", erased.under_way));
    }
    tell(
        "Ids, states and digests stay, and that effects happened. Backups that were taken before still hold the content.",
    );
    Ok(Exit::Success)
}
