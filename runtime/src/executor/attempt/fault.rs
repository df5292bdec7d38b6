//! What is done about a step that failed, as the route says.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use connectors::Fault;
use futures_util::FutureExt;
use intents::Timestamp;
use intents::failure::{Budget, Class, Evidence, Route, route};
use intents::label::Labels;
use intents::need::Kind as NeedKind;
use intents::outcome::{Failure, Outcome, Refusal};
use serde_json::{Value, json};

use super::{Attempt, End, Landing, OPTIONAL_FAILURES_MAX};
use crate::env::Env;
use crate::executor::call::{Admitted, Kind};
use crate::executor::context::Trouble;
use crate::executor::wording;
use crate::store::{self, NewWait, Store};

/// A tool that does not end by itself is given up this long after its deadline.
const DEADLINE_GRACE: Duration = Duration::from_secs(5);

impl Attempt {
    /// A step has failed; what now is decided by the route.
    pub(super) async fn faulted(
        &mut self,
        admitted: &Arc<Admitted>,
        failure: Failure,
        started_at: Option<Timestamp>,
    ) -> Result<(), Trouble> {
        let now = self.services.env.now();
        let budget = self.budgets.entry(admitted.call).or_insert(Budget { failures: 0, first_failed_at: now });
        budget.failures = budget.failures.saturating_add(1);
        let budget = *budget;
        let evidence = Evidence {
            identity: match &admitted.kind {
                Kind::Effect(effect) => Some(effect.identity),
                Kind::Host | Kind::Read(_) | Kind::Shadowed { .. } => None,
            },
            started_at: started_at.unwrap_or(now),
            retry_after: failure.retry_after_ms.map(Duration::from_millis),
            repairable: false,
        };
        let route = route(failure.class, &evidence, budget, &self.services.transient, now);
        self.unsaved.faulted(admitted.call, &failure, route.to_string(), now);
        let uncertain = failure.class == Class::Uncertain;
        if self.end.is_some() {
            if !uncertain {
                return Ok(());
            }
            let need = wording::for_call(&self.context, admitted, NeedKind::Settle, Some(&failure), json!({}));
            // A parked run comes again and settles it, where its identity allows that; one that ends cannot.
            let comes_again = matches!(self.end, Some(End::Parked)) && !matches!(route, Route::Ask(_));
            let (need, need_if_over) = if comes_again { (None, Some(need)) } else { (Some(need), None) };
            return self.leave_uncertain(admitted, need, need_if_over).await;
        }
        if self.goes_on_without(admitted, &failure, &route, budget) {
            let refusal = Refusal {
                code: "unavailable".to_owned(),
                message: failure.message.clone(),
                data: json!({ "code": failure.code }),
            };
            self.complete(admitted.call, Outcome::Refused(refusal), Labels::new());
            return Ok(());
        }
        match route {
            Route::RetryInPlace { after } => self.later(admitted.call, now + after, Landing::Again),
            Route::WaitThenRetry { until } => {
                self.sleeping.insert(admitted.call, NewWait::Time(until));
            }
            Route::Settle { not_before } => {
                if uncertain {
                    self.mark_uncertain(admitted, None).await?;
                }
                if not_before.since(now) <= self.services.transient.in_place_max {
                    let started_at = evidence.started_at;
                    self.later(admitted.call, not_before, Landing::AskAgain { started_at });
                } else {
                    self.sleeping.insert(admitted.call, NewWait::Time(not_before));
                }
            }
            Route::Ask(kind) if kind.holds_run() => {
                let need = wording::for_call(&self.context, admitted, kind, Some(&failure), json!({}));
                if uncertain {
                    self.mark_uncertain(admitted, Some(need.clone())).await?;
                }
                self.sleeping.insert(admitted.call, NewWait::Need(Box::new(need)));
            }
            Route::Ask(_) | Route::Repair | Route::FailClosed(_) => {
                let more = json!({ "tool": admitted.definition.name.as_str(), "call": admitted.call });
                self.fail(failure, more);
            }
        }
        Ok(())
    }

    pub(super) fn goes_on_without(
        &self,
        admitted: &Admitted,
        failure: &Failure,
        route: &Route,
        budget: Budget,
    ) -> bool {
        let waits_long = match route {
            Route::RetryInPlace { .. } => budget.failures >= OPTIONAL_FAILURES_MAX,
            Route::WaitThenRetry { .. } | Route::Ask(_) => true,
            Route::Settle { .. } | Route::FailClosed(_) | Route::Repair => false,
        };
        admitted.optional && failure.class == Class::Transient && !admitted.definition.is_effect() && waits_long
    }

    pub(super) fn later(&mut self, call: u32, at: Timestamp, landing: Landing) {
        let sleep = self.services.env.clock.sleep_until(at);
        self.droppable.push(Box::pin(async move {
            sleep.await;
            (call, landing)
        }));
    }

    /// Ends the run with a failure that no wait cures.
    pub(super) fn fail(&mut self, failure: Failure, evidence: Value) {
        let now = self.services.env.now();
        let repair = self.repair_of(&failure, &evidence);
        let nothing = Evidence { identity: None, started_at: now, retry_after: None, repairable: repair.is_some() };
        let budget = Budget { failures: u32::MAX, first_failed_at: Timestamp::EPOCH };
        let (need, pause, repair) = match route(failure.class, &nothing, budget, &self.services.transient, now) {
            // Where it cannot be repaired after all, the person is asked.
            Route::Repair => (NeedKind::Repair, false, repair),
            Route::Ask(need) => (need, false, None),
            Route::FailClosed(need) => (need, true, None),
            Route::RetryInPlace { .. } | Route::WaitThenRetry { .. } | Route::Settle { .. } => {
                (NeedKind::Internal, true, None)
            }
        };
        self.services.meter.failed(&failure);
        // A need that holds a run makes no sense for one that has ended.
        let need = if need.holds_run() { NeedKind::Repair } else { need };
        self.finish_with(End::Failed { failure, need, evidence, repair, pause });
    }
}

/// Lets something leave only while this server is the active one. What was cut off is uncertain; what had not begun has
/// not happened.
pub(super) async fn while_active<T>(store: &Store, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let code = store::Error::Fenced.code();
    let text = "this server had not heard from its database for so long that another may have taken over";
    store.while_active(work).await.unwrap_or_else(|run_out| {
        let class = if run_out.begun { Class::Uncertain } else { Class::Transient };
        Err(Fault { failure: Failure::new(class, code, text), proves_nothing_done: !run_out.begun })
    })
}

/// What a tool ends with. One that panics, or does not end in time, has failed: an effect then is uncertain.
pub(crate) async fn within<T>(
    env: &Env,
    deadline: Duration,
    panicked: Class,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let fault =
        |class, code, message| Fault { failure: Failure::new(class, code, message), proves_nothing_done: false };
    // What takes too long may be quicker next time; what broke down will break down again.
    let late = if panicked == Class::Uncertain { Class::Uncertain } else { Class::Transient };
    tokio::select! {
        ended = AssertUnwindSafe(work).catch_unwind() => ended.unwrap_or_else(|_| {
            Err(fault(panicked, "TOOL_PANIC", "the tool ended abruptly; this is a fault of Steward"))
        }),
        () = env.sleep(deadline.saturating_add(DEADLINE_GRACE)) => {
            Err(fault(late, "TOOL_TIMEOUT", "the tool did not end within its time"))
        }
    }
}
