//! What an attempt knows from the journal of the attempts before it.

use std::collections::BTreeMap;
use std::time::Duration;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::failure::{Budget, Class, Evidence, Route, TransientPolicy, route};
use intents::journal::{Record, recorded};
use intents::outcome::Outcome;
use serde_json::Value;

use crate::executor::host::{self, HostCall};

pub(super) fn logged(records: &[Record]) -> u32 {
    let lines = records.iter().filter(|record| matches!(record, Record::Logged(_))).count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

pub(super) fn made_at(records: &[Record]) -> BTreeMap<u32, Timestamp> {
    let call = |record: &Record| match record {
        Record::Called(called) => Some((called.call, called.at)),
        Record::Began { .. }
        | Record::Settled { .. }
        | Record::Faulted { .. }
        | Record::Reread { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Outside(_)
        | Record::Ended { .. } => None,
    };
    records.iter().filter_map(call).collect()
}

pub(super) fn budgets(records: &[Record]) -> BTreeMap<u32, Budget> {
    let mut budgets = BTreeMap::new();
    for record in records {
        if let Record::Faulted { call, at, .. } = record {
            let budget = budgets.entry(*call).or_insert(Budget { failures: 0, first_failed_at: *at });
            budget.failures = budget.failures.saturating_add(1);
        }
    }
    budgets
}

/// When calls whose last failure asked for a wait may be made again.
pub(super) fn not_before(records: &[Record], policy: &TransientPolicy) -> BTreeMap<u32, Timestamp> {
    let mut budgets: BTreeMap<u32, Budget> = BTreeMap::new();
    let mut times = BTreeMap::new();
    for record in records {
        match record {
            Record::Faulted { call, failure, at, .. } => {
                let budget = budgets.entry(*call).or_insert(Budget { failures: 0, first_failed_at: *at });
                budget.failures = budget.failures.saturating_add(1);
                let evidence = Evidence {
                    identity: None,
                    started_at: *at,
                    retry_after: failure.retry_after_ms.map(Duration::from_millis),
                    repairable: false,
                };
                // What became of it then becomes of it now: the route is a function of what is recorded.
                match (failure.class, route(failure.class, &evidence, *budget, policy, *at)) {
                    (Class::Transient, Route::WaitThenRetry { until }) => drop(times.insert(*call, until)),
                    (_, _) => drop(times.remove(call)),
                }
            }
            Record::Settled { call, .. } => drop(times.remove(call)),
            Record::Began { .. }
            | Record::Called(_)
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => {}
        }
    }
    times
}

/// How many events of each name the script was given before.
pub(super) fn events_taken(records: &[Record]) -> BTreeMap<String, u64> {
    let mut taken = BTreeMap::new();
    for call in recorded(records) {
        let came = matches!(call.settled.as_ref().map(|settled| settled.outcome.as_ref()), Some(Outcome::Value(_)));
        if came && call.called.tool.as_str() == "steward.wait_for" {
            let arguments = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
            if let Ok(HostCall::WaitFor { event, .. }) = HostCall::read("steward.wait_for", &arguments) {
                *taken.entry(event).or_insert(0) += 1;
            }
        }
    }
    taken
}

/// What makes two messages alike.
pub(super) fn like(tool: &str, arguments: &str) -> Digest {
    Digest::of_parts("steward message", &[tool.as_bytes(), host::alike(tool, arguments).as_bytes()])
}

/// The messages that the script has given before.
pub(super) fn said(records: &[Record]) -> BTreeMap<u32, Digest> {
    let calls = recorded(records).into_iter().map(|recorded| recorded.called);
    calls
        .filter(|called| ["notify.user", "events.emit", host::ASK].contains(&called.tool.as_str()))
        .map(|called| (called.call, like(called.tool.as_str(), &called.arguments)))
        .collect()
}
