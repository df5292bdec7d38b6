//! The triggers of a contract, as the store keeps them.

use intents::Timestamp;
use intents::canonical;
use intents::contract::{Contract, Source};
use intents::schedule::next_slot;

use crate::store::NewTrigger;

/// The name of a trigger's kind.
pub(crate) fn kind(source: &Source) -> &'static str {
    match source {
        Source::Schedule { .. } => "schedule",
        Source::File { .. } => "file",
        Source::Webhook { .. } => "webhook",
        Source::Event { .. } => "event",
        Source::Manual => "manual",
    }
}

/// The triggers of a contract, in its order.
pub(super) fn of(contract: &Contract, now: Timestamp) -> Vec<NewTrigger> {
    let written = contract.to_edge().triggers;
    let triggers = contract.triggers().iter().zip(written);
    triggers
        .map(|(trigger, written)| {
            let body = serde_json::to_value(&written).expect("a trigger is plain data");
            let next_at = match &trigger.source {
                Source::Schedule { cron, zone, .. } => next_slot(cron, zone, now),
                Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => None,
            };
            NewTrigger { kind: kind(&trigger.source), body: canonical::to_string(&body), next_at }
        })
        .collect()
}
