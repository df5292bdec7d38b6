//! The route of a failure: a pure, exhaustive function of its class, the evidence and what may still be tried.

use std::fmt;
use std::time::Duration;

use super::Class;
use crate::Timestamp;
use crate::need::Kind as Need;
use crate::tool::Identity;

/// What is to be done about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The same call again, while the attempt stays alive.
    RetryInPlace {
        /// How long to wait first.
        after: Duration,
    },
    /// The same call again after a durable wait; the sandbox is dropped.
    WaitThenRetry {
        /// When to go on.
        until: Timestamp,
    },
    /// Find out whether the effect happened, by the means of its identity.
    Settle {
        /// Not before this.
        not_before: Timestamp,
    },
    /// Have the maintainer repair the script; the run waits for what becomes of it.
    Repair,
    /// Ask the person; the run waits for the answer.
    Ask(Need),
    /// Stop the automation and tell the person: something is wrong with us or with the record.
    FailClosed(Need),
}

/// The route in plain words, as the journal keeps it.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RetryInPlace { after } => write!(f, "tried again after {} ms", after.as_millis()),
            Self::WaitThenRetry { until } => write!(f, "waits until {until}"),
            Self::Settle { not_before } => write!(f, "settled by its identity, not before {not_before}"),
            Self::Repair => f.write_str("repaired"),
            Self::Ask(need) => write!(f, "asked: {need}"),
            Self::FailClosed(need) => write!(f, "failed closed: {need}"),
        }
    }
}

/// What is known about a failure beside its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// The identity of the failed effect; `None` for a read or for a failure outside any call.
    pub identity: Option<Identity>,
    /// When the effect was started.
    pub started_at: Timestamp,
    /// How long the service asked to wait.
    pub retry_after: Option<Duration>,
    /// Whether a repair of the script may help: there is one, and it did not say itself that a person has to look.
    pub repairable: bool,
}

/// What may still be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How often this call has failed so far, this failure included.
    pub failures: u32,
    /// When this call failed first.
    pub first_failed_at: Timestamp,
}

/// How transient failures are retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransientPolicy {
    /// The first wait; each further one doubles.
    pub backoff: Duration,
    /// No wait is longer, unless the service asks for more.
    pub backoff_max: Duration,
    /// Waits up to this length keep the sandbox; longer ones become rows.
    pub in_place_max: Duration,
    /// After this long the person is asked.
    pub give_up_after: Duration,
    /// After this many failures the person is asked.
    pub failures_max: u32,
}

impl Default for TransientPolicy {
    fn default() -> Self {
        Self {
            backoff: Duration::from_millis(500),
            backoff_max: Duration::from_secs(15 * 60),
            in_place_max: Duration::from_secs(2),
            give_up_after: Duration::from_secs(24 * 3600),
            failures_max: 100,
        }
    }
}

/// A service that asks for a longer wait than this is asked about instead.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Decides what is to be done about a failure.
pub fn route(class: Class, evidence: &Evidence, budget: Budget, policy: &TransientPolicy, now: Timestamp) -> Route {
    match class {
        Class::Transient => retry(evidence, budget, policy, now),
        Class::Logic if evidence.repairable => Route::Repair,
        Class::Logic => Route::Ask(Need::Repair),
        Class::Auth => Route::Ask(Need::Reconnect),
        Class::Permission => Route::Ask(Need::Grant),
        Class::Uncertain => settle(evidence, budget, policy, now),
        Class::Limit => Route::Ask(Need::Limit),
        Class::Nondeterminism | Class::Internal | Class::Unknown => Route::FailClosed(Need::Internal),
    }
}

fn retry(evidence: &Evidence, budget: Budget, policy: &TransientPolicy, now: Timestamp) -> Route {
    let asked = evidence.retry_after.unwrap_or(Duration::ZERO);
    let spent = now.since(budget.first_failed_at) >= policy.give_up_after || budget.failures >= policy.failures_max;
    if spent || asked > RETRY_AFTER_MAX {
        return Route::Ask(Need::Unavailable);
    }
    let doublings = budget.failures.saturating_sub(1).min(20);
    let backoff = policy.backoff.saturating_mul(1 << doublings).min(policy.backoff_max);
    let after = backoff.max(asked);
    if after <= policy.in_place_max {
        Route::RetryInPlace { after }
    } else {
        Route::WaitThenRetry { until: now + after }
    }
}

fn settle(evidence: &Evidence, budget: Budget, policy: &TransientPolicy, now: Timestamp) -> Route {
    let within = |window_ms: u64| now.since(evidence.started_at) < Duration::from_millis(window_ms);
    let spent = budget.failures >= policy.failures_max;
    let doublings = budget.failures.saturating_sub(1).min(20);
    let backoff = policy.backoff.saturating_mul(1 << doublings).min(policy.backoff_max);
    match evidence.identity {
        Some(Identity::Keyed { window_ms }) if within(window_ms) && !spent => {
            Route::Settle { not_before: now + backoff }
        }
        Some(Identity::Queryable { window_ms, .. }) if within(window_ms) && !spent => {
            Route::Settle { not_before: now + backoff }
        }
        Some(Identity::Natural) if !spent => Route::Settle { not_before: now + backoff },
        Some(Identity::Keyed { .. } | Identity::Queryable { .. } | Identity::Natural | Identity::Blind) => {
            Route::Ask(Need::Settle)
        }
        // A read that is uncertain was never classified by anybody who knew it to be a read.
        None => Route::FailClosed(Need::Internal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn routed(class: Class, identity: Option<Identity>, failures: u32) -> Route {
        let evidence = Evidence { identity, started_at: NOW, retry_after: None, repairable: false };
        let budget = Budget { failures, first_failed_at: NOW };
        route(class, &evidence, budget, &TransientPolicy::default(), NOW)
    }

    #[test]
    fn a_blind_effect_is_never_retried() {
        for class in Class::ALL {
            let route = routed(class, Some(Identity::Blind), 1);
            let again =
                matches!(route, Route::RetryInPlace { .. } | Route::WaitThenRetry { .. } | Route::Settle { .. });
            assert_eq!(again, class == Class::Transient, "{class}: a transient failure of an effect never left");
        }
    }

    #[test]
    fn outside_its_window_every_identity_is_asked_about() {
        let long_ago = Evidence {
            identity: Some(Identity::Keyed { window_ms: 1000 }),
            started_at: NOW - Duration::from_secs(1),
            retry_after: None,
            repairable: false,
        };
        let budget = Budget { failures: 1, first_failed_at: NOW };
        assert_eq!(
            route(Class::Uncertain, &long_ago, budget, &TransientPolicy::default(), NOW),
            Route::Ask(Need::Settle)
        );
    }

    #[test]
    fn waits_grow_then_leave_memory_then_ask() {
        assert_eq!(routed(Class::Transient, None, 1), Route::RetryInPlace { after: Duration::from_millis(500) });
        assert_eq!(routed(Class::Transient, None, 3), Route::RetryInPlace { after: Duration::from_secs(2) });
        assert_eq!(routed(Class::Transient, None, 4), Route::WaitThenRetry { until: NOW + Duration::from_secs(4) });
        assert_eq!(routed(Class::Transient, None, 100), Route::Ask(Need::Unavailable));
    }

    #[test]
    fn what_the_service_asks_for_is_obeyed() {
        let evidence =
            Evidence { identity: None, started_at: NOW, retry_after: Some(Duration::from_secs(90)), repairable: false };
        let budget = Budget { failures: 1, first_failed_at: NOW };
        assert_eq!(
            route(Class::Transient, &evidence, budget, &TransientPolicy::default(), NOW),
            Route::WaitThenRetry { until: NOW + Duration::from_secs(90) }
        );
    }

    #[test]
    fn only_logic_is_repaired_and_only_where_there_is_a_script_to_repair() {
        for class in Class::ALL {
            let evidence = Evidence { identity: None, started_at: NOW, retry_after: None, repairable: true };
            let budget = Budget { failures: 1, first_failed_at: NOW };
            let routed = route(class, &evidence, budget, &TransientPolicy::default(), NOW);
            assert_eq!(routed == Route::Repair, class == Class::Logic, "{class}");
        }
        assert_eq!(routed(Class::Logic, None, 1), Route::Ask(Need::Repair));
    }

    #[test]
    fn what_nobody_understands_fails_closed() {
        for class in [Class::Nondeterminism, Class::Internal, Class::Unknown] {
            assert_eq!(routed(class, None, 1), Route::FailClosed(Need::Internal));
        }
    }
}
