//! The two shapes in which a run is written: whole when it is made, and what its end changes.

use std::sync::Arc;

use intents::Timestamp;

use super::batch::Arrival;
use super::rows::{ended_run, run, whole_run};

/// The row that holds a new run and its item.
pub(super) fn whole(run: run::Model, arrival: Option<Arrival>) -> whole_run::Model {
    let item = arrival.as_ref().map(|arrival| Arc::clone(&arrival.item));
    let (dedupe_key, wrapped_key, payload) = match arrival {
        Some(arrival) => (Some(arrival.dedupe_key), Some(arrival.wrapped_key), Some(arrival.payload)),
        None => (None, None, None),
    };
    let labels = item.as_ref().filter(|item| !item.labels.is_empty());
    whole_run::Model {
        labels: labels.map(|item| serde_json::to_string(&item.labels).expect("labels are texts")),
        useful_until: item.and_then(|item| item.useful_until).map(Timestamp::as_millis),
        id: run.id,
        automation_id: run.automation_id,
        script_id: run.script_id,
        contract_id: run.contract_id,
        phase: run.phase,
        attempts: run.attempts,
        generation: run.generation,
        segments: run.segments,
        journal_bytes: run.journal_bytes,
        class: run.class,
        code: run.code,
        calls: run.calls,
        effects: run.effects,
        suppressed: run.suppressed,
        created_at: run.created_at,
        started_at: run.started_at,
        ended_at: run.ended_at,
        item_id: run.item_id,
        trigger_id: run.trigger_id,
        shadow: run.shadow,
        dedupe_key,
        wrapped_key,
        payload,
        tail: None,
    }
}

/// What the end of a run changes of its row.
pub(super) fn ended(run: run::Model, tail: Vec<u8>) -> ended_run::Model {
    ended_run::Model {
        id: run.id,
        phase: run.phase,
        attempts: run.attempts,
        segments: run.segments,
        journal_bytes: run.journal_bytes,
        class: run.class,
        code: run.code,
        calls: run.calls,
        effects: run.effects,
        suppressed: run.suppressed,
        started_at: run.started_at,
        ended_at: run.ended_at,
        tail: Some(tail),
    }
}
