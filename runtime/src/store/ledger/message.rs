//! Messages: what the host itself tells others, each given once.

use intents::canonical::Digest;
use intents::effect::State;

use super::settlement::SettledBy;
use crate::store::Error;
use crate::store::batch::Batch;
use crate::store::rows::{effect as row, run as run_row};

/// What the host itself tells others in its own commit, known over the generations of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The number of the call.
    pub call: u32,
    /// The run, the tool, the arguments, and how many calls before were just like it.
    pub digest: Digest,
}

/// Takes the place of a message in the ledger, in the commit that gives it. Says whether it is given for the first time:
/// a run that begins afresh makes its calls again.
pub(in crate::store) async fn claim_message(
    batch: &mut Batch<'_>,
    run: &mut run_row::Model,
    tool: &str,
    message: &Message,
) -> Result<bool, Error> {
    let keyed = blake3::keyed_hash(&batch.shared.keys.ledger, message.digest.as_bytes());
    let identity = Digest::from_bytes(*keyed.as_bytes());
    if batch.effect(identity).await?.is_some() {
        return Ok(false);
    }
    let id = batch.shared.env.effect_id().to_string();
    let row = row::Model {
        identity: identity.as_bytes().to_vec(),
        id,
        automation_id: run.automation_id.clone(),
        tool: tool.to_owned(),
        key_text: None,
        state: State::Applied.as_str().to_owned(),
        run_id: run.id.clone(),
        call: i64::from(message.call),
        item_id: run.item()?.to_string(),
        arguments: message.digest.to_string(),
        outcome: None,
        settled_by: Some(SettledBy::Answer.as_str().to_owned()),
        performances: 1,
        suppressions: 0,
        started_at: batch.now.as_millis(),
        settled_at: Some(batch.now.as_millis()),
    };
    batch.put_effect(identity, row);
    run.effects += 1;
    Ok(true)
}
