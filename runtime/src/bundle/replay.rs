//! Executes a bundle on what it recorded: in the jail, without a store, an account or a network.

use sandbox::{Jail, Limits};
use serde_json::Value;

use super::file::Bundle;
use crate::error::Error;
use crate::ops::{Reached, replay_records};

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The script went the way that it went, to the same end.
    Reproduced {
        /// What it came to, in words.
        words: String,
    },
    /// It went another way.
    Differs {
        /// Where, in words.
        words: String,
        /// What the bundle holds.
        recorded: Value,
        /// What the script did.
        actual: Value,
    },
}

/// Executes a bundle, and says whether it comes to the same end.
pub async fn reproduce(jail: &Jail, limits: Limits, bundle: &Bundle) -> Result<Outcome, Error> {
    let (script, tools) = (bundle.file.script.clone(), bundle.file.tools.clone());
    let replay = replay_records(jail, limits, bundle.records.clone(), script, tools).await?;
    let Some(replay) = replay else { return Err(super::unreadable("its journal has no beginning")) };
    if let Some(difference) = replay.difference {
        let (recorded, actual) = (difference.recorded, difference.actual);
        return Ok(Outcome::Differs { words: difference.message, recorded, actual });
    }
    let words = match (&bundle.file.failure, replay.reached) {
        (Some(failure), _) => {
            let place = match failure.call {
                Some(call) => format!("at call {call}"),
                None => "in the script".to_owned(),
            };
            format!("{} ({}) {place}: {}", failure.code, failure.class, failure.message)
        }
        (None, Reached::End) => "the run ends as it ended".to_owned(),
        (None, Reached::Frontier | Reached::Difference) => "the run waits where it waited".to_owned(),
    };
    Ok(Outcome::Reproduced { words })
}
