//! Effects: claimed in the ledger, performed, settled.

use std::sync::Arc;
use std::time::Duration;

use connectors::{Fault, Performed, Settlement};
use futures_util::TryFutureExt;
use intents::Timestamp;
use intents::effect::{Claim, State};
use intents::failure::{Budget, Class, Evidence, Route, route};
use intents::id::RunId;
use intents::label::Labels;
use intents::need::Kind as NeedKind;
use intents::outcome::{Failure, Outcome};
use intents::tool::Identity;
use serde_json::{Value, json};

use super::fault::{while_active, within};
use super::files;
use super::{Attempt, Delivery, End, Landing, OTHER_RUN_RETRY};
use crate::env::FaultPoint;
use crate::executor::call::{Admitted, EffectCall, Kind};
use crate::executor::context::Trouble;
use crate::executor::in_flight::InFlight;
use crate::executor::wording;
use crate::store;
use crate::store::{BeginEffect, Begun, NewNeed, NewWait, SettleEffect, SettledBy};
use crate::telemetry::metrics::EffectSight;

impl Attempt {
    pub(super) async fn begin(&mut self, admitted: &Arc<Admitted>, effect: &EffectCall) -> Result<(), Trouble> {
        self.services.env.reached(FaultPoint::BeforeBegin).await;
        let touches = effect.tool.touches(admitted.arguments.value());
        let begin = BeginEffect {
            passing: self.passing(admitted)?,
            files: files::written(touches, &self.labels),
            progress: self.unsaved.take(),
            automation: self.context.automation.id,
            tool: admitted.definition.name.clone(),
            key: effect.key.clone(),
            claim: Claim {
                run: self.context.run.id,
                call: admitted.call,
                item: self.context.run.item,
                arguments: admitted.arguments_digest(),
            },
        };
        let ticket = self.services.store.begin_effect(begin).await?;
        let id = admitted.call;
        self.flights.push(Box::pin(async move { (id, Landing::Begun(ticket.await)) }));
        Ok(())
    }

    pub(super) async fn begun(
        &mut self,
        admitted: &Arc<Admitted>,
        begun: Result<Begun, store::Error>,
    ) -> Result<(), Trouble> {
        let begun = match begun {
            Ok(begun) => begun,
            Err(store::Error::Conflict { code: "LIMIT_JOURNAL", reason }) => {
                self.fail(Failure::new(Class::Limit, "LIMIT_JOURNAL", reason), json!({}));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        match begun {
            Begun::Perform { started_at } => {
                self.services.env.reached(FaultPoint::AfterBegin).await;
                self.services.meter.effect(EffectSight::Started);
                if self.may_send(admitted, started_at) {
                    self.perform(admitted, started_at);
                    return Ok(());
                }
                // The script has ended meanwhile, or everything is to stop, and nothing has left: it stays so.
                self.settle(admitted, State::NotApplied, None, SettledBy::Answer).await
            }
            Begun::GiveBack { outcome, suppressed: _ } => {
                self.services.meter.effect(EffectSight::GivenBack);
                self.complete(admitted.call, outcome.unwrap_or(Outcome::Value(Value::Null)), Labels::new());
                Ok(())
            }
            Begun::KeyConflict { run } => {
                self.services.meter.effect(EffectSight::Conflict);
                self.key_conflict(admitted, run);
                Ok(())
            }
            Begun::Settle { started_at, was_uncertain, approved, forgotten_until } => {
                if let Some(approved) = approved {
                    // Done again, it is done with what the person said yes to then.
                    self.contents.insert(admitted.call, approved.into());
                }
                if let Some(until) = forgotten_until {
                    return self.remember(admitted, started_at, was_uncertain, until).await;
                }
                let failure = Failure::new(
                    Class::Uncertain,
                    "EFFECT_UNSETTLED",
                    "it was started, and Steward ended before it knew the outcome",
                );
                self.take_up(admitted, failure, started_at, was_uncertain).await
            }
            Begun::SettleOther { .. } => {
                let failure = Failure::new(
                    Class::Uncertain,
                    "EFFECT_UNSETTLED",
                    "another run started it under this key with other arguments or under another contract, and ended",
                );
                let more = json!({ "other": "what was sent may differ from what this run would send" });
                let need = wording::for_call(&self.context, admitted, NeedKind::Settle, Some(&failure), more);
                let routed = format!("asked: {}", NeedKind::Settle);
                self.unsaved.faulted(admitted.call, &failure, routed, self.services.env.now());
                self.mark_uncertain(admitted, Some(need.clone())).await?;
                self.sleeping.insert(admitted.call, NewWait::Need(Box::new(need)));
                Ok(())
            }
            Begun::WaitFor(run) => {
                let until = self.services.env.now() + OTHER_RUN_RETRY;
                self.sleeping.insert(admitted.call, NewWait::Run { run, until });
                Ok(())
            }
            Begun::Blocked(blocked) => self.blocked(admitted, blocked),
            Begun::Stopped => {
                self.finish_with(End::Parked);
                Ok(())
            }
        }
    }

    /// The key was used with other arguments before: the run fails, loudly.
    pub(super) fn key_conflict(&mut self, admitted: &Admitted, run: RunId) {
        let tool = &admitted.definition.name;
        let key = admitted.given_key.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = format!("{tool} was done before under the key {key} with other arguments: the key is too coarse");
        let evidence = json!({ "tool": tool.as_str(), "key": key, "done_by": run.to_string() });
        self.fail(Failure::new(Class::Logic, "KEY_CONFLICT", message), evidence);
    }

    /// Takes up an effect that may have happened after the backup from which Steward was restored.
    async fn remember(
        &mut self,
        admitted: &Arc<Admitted>,
        started_at: Timestamp,
        was_uncertain: bool,
        until: Timestamp,
    ) -> Result<(), Trouble> {
        let Kind::Effect(effect) = &admitted.kind else { return Ok(()) };
        // It may have left at the very end of the gap, and until then a service that is asked too early knows nothing.
        if let Identity::Queryable { absent_after_ms, .. } = effect.identity
            && let settled = until + Duration::from_millis(absent_after_ms)
            && self.services.env.now() < settled
        {
            self.sleeping.insert(admitted.call, NewWait::Time(settled));
            return Ok(());
        }
        let failure = Failure::new(
            Class::Uncertain,
            "EFFECT_FORGOTTEN",
            format!("Steward was restored from a backup of {started_at}: whether this happened after it is not known"),
        );
        self.take_up(admitted, failure, started_at, was_uncertain).await
    }

    /// Takes up an effect whose outcome nobody knew when an earlier attempt ended. Waiting was done before, so the
    /// service is asked at once, unless only the person can say.
    pub(super) async fn take_up(
        &mut self,
        admitted: &Arc<Admitted>,
        failure: Failure,
        started_at: Timestamp,
        was_uncertain: bool,
    ) -> Result<(), Trouble> {
        let Kind::Effect(effect) = &admitted.kind else { return Ok(()) };
        let now = self.services.env.now();
        let evidence = Evidence { identity: Some(effect.identity), started_at, retry_after: None, repairable: false };
        let fresh = Budget { failures: 0, first_failed_at: now };
        let budget = self.budgets.get(&admitted.call).copied().unwrap_or(fresh);
        match route(Class::Uncertain, &evidence, budget, &self.services.transient, now) {
            Route::Settle { .. } => {
                if !was_uncertain {
                    self.mark_uncertain(admitted, None).await?;
                }
                self.ask_service(admitted, started_at);
                Ok(())
            }
            Route::RetryInPlace { .. }
            | Route::WaitThenRetry { .. }
            | Route::Ask(_)
            | Route::Repair
            | Route::FailClosed(_) => self.faulted(admitted, failure, Some(started_at)).await,
        }
    }

    /// Whether something may leave. It is listed as on its way before the stop is looked at, and who stops lists after
    /// the stop is set: nothing leaves unlisted after the stop was acknowledged.
    fn may_send(&mut self, admitted: &Arc<Admitted>, started_at: Timestamp) -> bool {
        let Kind::Effect(effect) = &admitted.kind else { return false };
        self.note_in_flight(admitted, effect, started_at);
        if *self.stop.borrow() {
            self.finish_with(End::Parked);
        }
        if self.end.is_some() {
            self.services.in_flight.remove(self.context.run.id, admitted.call);
        }
        self.end.is_none()
    }

    /// Something leaves now.
    fn perform(&mut self, admitted: &Arc<Admitted>, started_at: Timestamp) {
        let Kind::Effect(effect) = &admitted.kind else { return };
        let call = admitted.for_tool(
            &self.context,
            &self.labels,
            self.approved(admitted.call),
            started_at,
            self.services.env.now(),
        );
        let tool = Arc::clone(&effect.tool);
        let (env, store) = (self.services.env.clone(), self.services.store.clone());
        let id = admitted.call;
        self.flights.push(Box::pin(async move {
            let work = while_active(&store, tool.perform(&call));
            let result = within(&env, call.deadline, Class::Uncertain, work).await;
            env.reached(FaultPoint::AfterPerform).await;
            (id, Landing::Performed { started_at, result })
        }));
    }

    /// Asks the service, or does it again where that is safe.
    pub(super) fn ask_service(&mut self, admitted: &Arc<Admitted>, started_at: Timestamp) {
        let Kind::Effect(effect) = &admitted.kind else { return };
        if !self.may_send(admitted, started_at) {
            return;
        }
        let call = admitted.for_tool(
            &self.context,
            &self.labels,
            self.approved(admitted.call),
            started_at,
            self.services.env.now(),
        );
        let tool = Arc::clone(&effect.tool);
        let (env, store) = (self.services.env.clone(), self.services.store.clone());
        let id = admitted.call;
        self.flights.push(Box::pin(async move {
            let asked = tool.settle(&call).map_err(|failure| Fault { failure, proves_nothing_done: false });
            // To settle may be to send again.
            let work = while_active(&store, asked);
            let result = within(&env, call.deadline, Class::Uncertain, work).await.map_err(|fault| fault.failure);
            env.reached(FaultPoint::AfterSettleQuestion).await;
            (id, Landing::Settlement { started_at, result })
        }));
    }

    pub(super) async fn performed(
        &mut self,
        admitted: &Arc<Admitted>,
        started_at: Timestamp,
        result: Result<Performed, Fault>,
    ) -> Result<(), Trouble> {
        self.services.in_flight.remove(self.context.run.id, admitted.call);
        match result {
            Ok(performed) => self.applied(admitted, performed.outcome, performed.labels, SettledBy::Answer).await,
            Err(fault) if fault.proves_nothing_done => {
                self.settle(admitted, State::NotApplied, None, SettledBy::Answer).await?;
                self.faulted(admitted, fault.failure, Some(started_at)).await
            }
            Err(fault) => {
                let failure = Failure { class: Class::Uncertain, ..fault.failure };
                self.faulted(admitted, failure, Some(started_at)).await
            }
        }
    }

    pub(super) async fn settlement(
        &mut self,
        admitted: &Arc<Admitted>,
        started_at: Timestamp,
        result: Result<Settlement, Failure>,
    ) -> Result<(), Trouble> {
        self.services.in_flight.remove(self.context.run.id, admitted.call);
        match result {
            Ok(Settlement::Applied(outcome)) => {
                self.applied(admitted, outcome, Labels::new(), SettledBy::Service).await
            }
            Ok(Settlement::NotApplied) => {
                self.settle(admitted, State::NotApplied, None, SettledBy::Service).await?;
                if self.end.is_none() { self.decide_again(admitted.call).await } else { Ok(()) }
            }
            Ok(Settlement::Unknown) => {
                let failure = Failure::new(
                    Class::Uncertain,
                    "EFFECT_UNSETTLED",
                    "the service cannot say yet whether it happened",
                );
                self.faulted(admitted, failure, Some(started_at)).await
            }
            Err(failure) => {
                let failure = Failure { class: Class::Uncertain, ..failure };
                self.faulted(admitted, failure, Some(started_at)).await
            }
        }
    }

    /// The service has answered: a value means that it happened, a refusal that nothing was done.
    pub(super) async fn applied(
        &mut self,
        admitted: &Arc<Admitted>,
        outcome: Outcome,
        labels: Labels,
        by: SettledBy,
    ) -> Result<(), Trouble> {
        let state = match &outcome {
            Outcome::Value(_) => State::Applied,
            Outcome::Refused(_) | Outcome::Skipped { .. } => State::NotApplied,
        };
        let outcome = Arc::new(outcome);
        let at = self.note_outcome(admitted.call, Arc::clone(&outcome), labels);
        let settle = self.settle_command(admitted, state, Some(Arc::clone(&outcome)), by, None);
        let Some(settle) = settle else { return Ok(()) };
        let ticket = self.services.store.settle_effect(settle).await?;
        self.deliveries.push_back(Delivery { call: admitted.call, outcome, at, saved: Some(ticket) });
        Ok(())
    }

    /// Stores what is known of an effect that gives the script nothing yet.
    pub(super) async fn settle(
        &mut self,
        admitted: &Arc<Admitted>,
        state: State,
        outcome: Option<Arc<Outcome>>,
        by: SettledBy,
    ) -> Result<(), Trouble> {
        let Some(settle) = self.settle_command(admitted, state, outcome, by, None) else { return Ok(()) };
        self.services.store.settle_effect(settle).await?.await?;
        Ok(())
    }

    /// In the ledger nobody knows whether it happened; noted once, and again only with a new question.
    pub(super) async fn mark_uncertain(
        &mut self,
        admitted: &Arc<Admitted>,
        need: Option<NewNeed>,
    ) -> Result<(), Trouble> {
        self.leave_uncertain(admitted, need, None).await
    }

    /// As `mark_uncertain`, with another question for the case that the run was ended meanwhile.
    pub(super) async fn leave_uncertain(
        &mut self,
        admitted: &Arc<Admitted>,
        need: Option<NewNeed>,
        need_if_over: Option<NewNeed>,
    ) -> Result<(), Trouble> {
        let settle = self.settle_command(admitted, State::Uncertain, None, SettledBy::Answer, need);
        let Some(settle) = settle.map(|settle| SettleEffect { need_if_over, ..settle }) else { return Ok(()) };
        self.services.store.settle_effect(settle).await?.await?;
        Ok(())
    }

    pub(super) fn settle_command(
        &mut self,
        admitted: &Arc<Admitted>,
        state: State,
        outcome: Option<Arc<Outcome>>,
        by: SettledBy,
        need: Option<NewNeed>,
    ) -> Option<SettleEffect> {
        let Kind::Effect(effect) = &admitted.kind else { return None };
        self.services.meter.effect(EffectSight::of(state));
        Some(SettleEffect {
            progress: self.unsaved.take(),
            automation: self.context.automation.id,
            tool: admitted.definition.name.clone(),
            key: effect.key.clone(),
            state,
            outcome,
            by,
            need,
            need_if_over: None,
        })
    }

    pub(super) fn note_in_flight(&self, admitted: &Admitted, effect: &EffectCall, started_at: Timestamp) {
        self.services.in_flight.add(InFlight {
            automation: self.context.automation.id,
            run: self.context.run.id,
            call: admitted.call,
            tool: admitted.definition.name.to_string(),
            key: effect.key.to_string(),
            started_at,
        });
    }
}
