//! A row of the ledger, and what it is called.

use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::{Claim, Key, Prior, State};
use intents::id::AutomationId;
use intents::tool::Name;

use crate::store::batch::Batch;
use crate::store::rows::effect as row;
use crate::store::{Error, inbox, run};

/// The identity as rows hold it: keyed, so that a copy of the database does not tell who was written to.
pub(in crate::store) fn identity(batch: &Batch<'_>, automation: AutomationId, tool: &Name, key: &Key) -> Digest {
    let plain = key.identity(automation, tool);
    Digest::from_bytes(*blake3::keyed_hash(&batch.shared.keys.ledger, plain.as_bytes()).as_bytes())
}

pub(in crate::store) fn prior(row: &row::Model) -> Result<Prior, Error> {
    Ok(Prior {
        state: state_of(row)?,
        claim: Claim {
            run: run::parse(&row.run_id)?,
            call: u32::try_from(row.call).map_err(|error| Error::unreadable("effect", error))?,
            item: inbox::parse_item(&row.item_id)?,
            arguments: row.arguments.parse().map_err(|error| Error::unreadable("effect", error))?,
        },
        started_at: Timestamp::from_millis(row.started_at),
        settled_at: row.settled_at.map(Timestamp::from_millis),
    })
}

pub(super) fn state_of(row: &row::Model) -> Result<State, Error> {
    row.state.parse().map_err(|error| Error::unreadable("effect state", error))
}
