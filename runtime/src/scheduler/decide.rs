//! Decides what becomes of the due slots of one schedule. Pure.

use std::time::Duration;

use intents::Timestamp;
use intents::contract::Source;
use intents::label::Labels;
use intents::schedule::{CatchUp, CronSpec, Overlap, PUNCTUAL, Rule, Zone, due, latest_slot, next_slot, slot_key};
use intents::time::Span;
use serde_json::json;

use super::clause::{self, NotUnderstood};
use crate::store::{Advance, Delivery, StoredTrigger};

/// A schedule as its trigger states it.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    spec: CronSpec,
    zone: Zone,
    catch_up: CatchUp,
    useful_for: Option<Span>,
    overlap: Overlap,
}

impl Schedule {
    /// Reads a stored schedule.
    pub(super) fn read(body: &str) -> Result<Self, NotUnderstood> {
        let trigger = clause::trigger(body)?;
        match trigger.source {
            Source::Schedule { cron, zone, catch_up } => {
                Ok(Self { spec: cron, zone, catch_up, useful_for: trigger.useful_for, overlap: trigger.overlap })
            }
            Source::File { .. } | Source::Webhook { .. } | Source::Event { .. } | Source::Manual => {
                Err(NotUnderstood::new("it is no schedule"))
            }
        }
    }

    /// The first slot after a point in time.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        next_slot(&self.spec, &self.zone, after)
    }

    fn rule(&self) -> Rule<'_> {
        Rule { spec: &self.spec, zone: &self.zone, catch_up: self.catch_up, useful_for: self.useful_for }
    }
}

/// What becomes of a schedule's due slots. While it does not deliver, they pass.
pub(super) fn advance(stored: &StoredTrigger, schedule: &Schedule, delivers: bool, now: Timestamp) -> Advance {
    let due = due(&schedule.rule(), stored.last_at, now);
    let (fire, passed) = if delivers { (due.fire, Vec::new()) } else { (Vec::new(), due.fire) };
    let mut missed = due.missed.slots;
    if let (true, Some(listed)) = (due.missed.more, missed.last().copied()) {
        // Those beyond the list count as one: the last of them.
        let until = fire.first().or(passed.first()).map_or(due.settled, |slot| *slot - Duration::from_millis(1));
        missed.extend(latest_slot(&schedule.spec, &schedule.zone, listed, until));
    }
    missed.extend(passed);
    Advance {
        trigger: stored.id,
        expected_last: stored.last_at,
        deliveries: fire.into_iter().map(|slot| delivery(stored, schedule, slot, now)).collect(),
        missed: missed.last().map(|last| (missed.len(), *last)),
        last_at: due.settled,
        next_at: due.next,
    }
}

fn delivery(stored: &StoredTrigger, schedule: &Schedule, slot: Timestamp, now: Timestamp) -> Delivery {
    let mut input = json!({ "trigger": "schedule", "slot": slot.to_string() });
    let late = now.since(slot);
    if late > PUNCTUAL {
        input["late_ms"] = json!(u64::try_from(late.as_millis()).unwrap_or(u64::MAX));
    }
    Delivery {
        automation: stored.automation,
        trigger: Some(stored.id),
        // A slot is its trigger and its time: two triggers of one automation may fire at the same time.
        dedupe_key: format!("{}:{}", slot_key(slot), stored.id),
        input,
        labels: Labels::new(),
        useful_until: schedule.useful_for.map(|span| slot + span.duration()),
        skip_if_busy: match schedule.overlap {
            Overlap::Skip => true,
            Overlap::Queue | Overlap::Allow => false,
        },
    }
}
