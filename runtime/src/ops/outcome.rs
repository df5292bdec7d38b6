//! What a run came to.

use intents::journal::Record;
use intents::outcome::Failure;
use serde_json::Value;

use crate::app::App;
use crate::error::Error;
use crate::store::{self, Run};

/// What a run came to, as its journal says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ending {
    /// What the script returned.
    pub result: Option<Value>,
    /// What ended it otherwise.
    pub failure: Option<Failure>,
}

/// What a run came to; nothing while it is under way, or when its payload was erased.
pub async fn ending(app: &App, run: &Run) -> Result<Ending, Error> {
    if !run.phase.is_over() {
        return Ok(Ending::default());
    }
    let journal = match app.store.journal(run.id).await {
        Ok(journal) => journal,
        Err(store::Error::Sealed { .. } | store::Error::Unreadable { .. }) => return Ok(Ending::default()),
        Err(error) => return Err(error.into()),
    };
    let ended = journal.records.into_iter().rev().find_map(|record| match record {
        Record::Ended { result, failure, .. } => Some(Ending { result, failure }),
        Record::Began { .. }
        | Record::Called(_)
        | Record::Settled { .. }
        | Record::Faulted { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_) => None,
    });
    Ok(ended.unwrap_or_default())
}
