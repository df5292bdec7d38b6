//! One attempt: the loop between the script's process, the calls under way, and the store.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use connectors::{Fault, Performed, Settlement};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::{Claim, State};
use intents::failure::{Budget, Class, Evidence, Route, route};
use intents::gate::{Beyond, RateToCount};
use intents::id::RunId;
use intents::journal::{Called, LogLine, Record, recorded};
use intents::label::Labels;
use intents::need::Kind as NeedKind;
use intents::outcome::{Failure, Outcome, Refusal};
use intents::run::Phase;
use intents::tool::Shape;
use sandbox::{FromScript, Start};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::call::{self, Admitted, EffectCall, Kind, Leaving};
use super::context::{Context, Trouble};
use super::host::{self, HostCall, Overlay};
use super::in_flight::InFlight;
use super::progress::Unsaved;
use super::{Services, wording};
use crate::env::FaultPoint;
use crate::store::{
    self, BeginEffect, Begun, Finish, Finished, NewNeed, NewNotice, NewWait, RateMark, SettleEffect, SettledBy, Signal,
    Sleep, Ticket,
};

/// How an attempt left its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The run is over.
    Over(Phase),
    /// The run sleeps.
    Asleep,
    /// The run begins afresh.
    Overtaken,
    /// The run is not to run now.
    NotReady,
    /// The attempt was stopped; the run waits for its turn.
    Parked,
}

/// An attempt that lives longer than this is not working; its waits would be rows.
const ATTEMPT_MAX: Duration = Duration::from_secs(3600);
/// A tool that does not end by itself is given up this long after its deadline.
const DEADLINE_GRACE: Duration = Duration::from_secs(5);
/// How soon a call looks again for a key that another run holds, should the hint be lost.
const OTHER_RUN_RETRY: Duration = Duration::from_secs(30);
/// Failures of an optional read after which the script goes on without it.
const OPTIONAL_FAILURES_MAX: u32 = 3;

/// What a step of a call has come to.
enum Landing {
    Read(Result<Performed, Fault>),
    Begun(Result<Begun, store::Error>),
    Performed {
        started_at: Timestamp,
        result: Result<Performed, Fault>,
    },
    Settlement {
        started_at: Timestamp,
        result: Result<Settlement, Failure>,
    },
    /// The backoff is over: make the call again.
    Again,
    /// The backoff is over: settle the effect.
    AskAgain {
        started_at: Timestamp,
    },
}

type Flights = FuturesUnordered<BoxFuture<'static, (u32, Landing)>>;

/// An outcome on its way to the script. It waits until it is on the disk, if it has to be.
struct Delivery {
    call: u32,
    outcome: Outcome,
    at: Timestamp,
    saved: Option<Ticket<()>>,
}

/// Why the script does not go on.
enum End {
    Finished { result: Value },
    Failed { failure: Failure, need: NeedKind, evidence: Value, pause: bool },
    Parked,
}

struct Attempt {
    services: Services,
    context: Arc<Context>,
    number: u32,
    script: sandbox::Attempt,
    unsaved: Unsaved,
    /// When each call of the journal was made.
    made_at: BTreeMap<u32, Timestamp>,
    calls: BTreeMap<u32, Arc<Admitted>>,
    /// Steps that must come to an end: something may have left.
    flights: Flights,
    /// Steps that may be dropped: reads and backoffs.
    droppable: Flights,
    deliveries: VecDeque<Delivery>,
    sleeping: BTreeMap<u32, NewWait>,
    budgets: BTreeMap<u32, Budget>,
    overlay: Overlay,
    labels: Labels,
    /// Events of each name that the script has been given.
    events_taken: BTreeMap<String, u64>,
    sent: u32,
    idle: Option<u32>,
    end: Option<End>,
}

/// Carries a run out until it ends, sleeps, or is stopped.
pub async fn carry_out(services: Services, run: RunId, mut stop: watch::Receiver<bool>) -> Result<Ending, Trouble> {
    let Some(context) = Context::load(&services, run).await? else { return Ok(Ending::NotReady) };
    services.env.reached(FaultPoint::AttemptClaimed).await;
    if context.item.useful_until.is_some_and(|until| services.env.now() > until) {
        services.store.stop_run(run, "useful_for").await?;
        return Ok(Ending::Over(Phase::Stopped));
    }
    let mut attempt = Attempt::start(services, context).await?;
    let ending = attempt.go(&mut stop).await;
    attempt.services.in_flight.remove_run(run);
    ending
}

impl Attempt {
    async fn start(services: Services, context: Context) -> Result<Self, Trouble> {
        let began = context.records.iter().rev().find_map(|record| match record {
            Record::Began { pins, at, seed, .. } => Some((pins.clone(), *at, *seed)),
            Record::Called(_)
            | Record::Settled { .. }
            | Record::Faulted { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Ended { .. } => None,
        });
        let (at, seed) = match &began {
            Some((_, at, seed)) => (*at, *seed),
            None => (services.env.now(), Digest::from_bytes(services.env.random_bytes())),
        };
        let pins = context.pins();
        let number = context.run.attempts + 1;
        let mut unsaved = Unsaved::new(context.run.id, number, context.run.generation, &context.records, at);
        // The first attempt, and the first after an upgrade, say what they run with.
        if began.as_ref().is_none_or(|(old, _, _)| *old != pins) {
            unsaved.push(Record::Began { pins, at, seed, input: context.item.input.clone() });
        }
        let start = Start {
            script: context.script.source.clone(),
            name: "script.js".to_owned(),
            input: context.item.input.clone(),
            at,
            seed: *seed.as_bytes(),
            replay: recorded(&context.records),
            tools: context.tools(),
            logged: logged(&context.records),
        };
        let script = services
            .jail
            .attempt(start, services.limits.clone())
            .await
            .map_err(|error| Trouble::Jail { reason: error.to_string() })?;
        Ok(Self {
            number,
            script,
            unsaved,
            made_at: made_at(&context.records),
            calls: BTreeMap::new(),
            flights: Flights::new(),
            droppable: Flights::new(),
            deliveries: VecDeque::new(),
            sleeping: BTreeMap::new(),
            budgets: budgets(&context.records),
            overlay: Overlay::from_records(&context.records),
            labels: context.labels.clone(),
            events_taken: events_taken(&context.records),
            sent: 0,
            idle: None,
            end: None,
            context: Arc::new(context),
            services,
        })
    }

    async fn go(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Ending, Trouble> {
        let env = self.services.env.clone();
        let mut deadline = env.clock.sleep_until(env.now() + ATTEMPT_MAX);
        loop {
            if let Some(ending) = self.settled_down().await? {
                return Ok(ending);
            }
            let ended = self.end.is_some();
            tokio::select! {
                biased;
                () = stopped(stop), if !ended => self.finish_with(End::Parked),
                saved = next_delivery(&mut self.deliveries) => self.deliver(saved?).await?,
                Some((call, landing)) = self.flights.next(), if !self.flights.is_empty() => {
                    self.landed(call, landing).await?;
                }
                Some((call, landing)) = self.droppable.next(), if !self.droppable.is_empty() => {
                    self.landed(call, landing).await?;
                }
                message = self.script.next(), if !ended => self.heard(message).await?,
                () = &mut deadline, if !ended => {
                    let failure = Failure::new(
                        Class::Limit,
                        "LIMIT_ATTEMPT",
                        format!("the attempt was under way for longer than {} minutes", ATTEMPT_MAX.as_secs() / 60),
                    );
                    self.fail(failure, json!({}));
                }
            }
        }
    }

    /// Ends the attempt when nothing is under way any more.
    async fn settled_down(&mut self) -> Result<Option<Ending>, Trouble> {
        if !self.flights.is_empty() || !self.deliveries.is_empty() {
            return Ok(None);
        }
        if let Some(end) = self.end.take() {
            return self.close(end).await.map(Some);
        }
        let waits = self.idle == Some(self.sent) && self.droppable.is_empty() && !self.sleeping.is_empty();
        if !waits {
            return Ok(None);
        }
        let env = &self.services.env;
        env.reached(FaultPoint::BeforeSleep).await;
        let waits = std::mem::take(&mut self.sleeping).into_values().collect();
        self.script.kill();
        self.services.store.sleep(Sleep { progress: self.unsaved.take(), waits }).await?;
        self.services.env.reached(FaultPoint::AfterSleep).await;
        Ok(Some(Ending::Asleep))
    }

    async fn close(&mut self, end: End) -> Result<Ending, Trouble> {
        let now = self.services.env.now();
        let (result, failure, needs, pause) = match end {
            End::Parked => {
                self.services.store.append(self.unsaved.take()).await?.await.or_else(late_news)?;
                self.services.store.lose_attempt(self.context.run.id, self.number).await?;
                return Ok(Ending::Parked);
            }
            End::Finished { result } => (Some(result), None, Vec::new(), false),
            End::Failed { failure, need, evidence, pause } => {
                let need = wording::for_run(&self.context, need, &failure, evidence);
                (None, Some(failure), vec![need], pause)
            }
        };
        self.unsaved.push(Record::Ended { result, failure: failure.clone(), at: now });
        self.services.env.reached(FaultPoint::BeforeFinish).await;
        let state = std::mem::take(&mut self.overlay).writes();
        let finish = Finish { progress: self.unsaved.take(), failure, state, needs, pause };
        let finished = match self.services.store.finish(finish.clone()).await {
            Err(store::Error::Conflict { code: "LIMIT_JOURNAL", reason }) => {
                self.services.store.finish(without_records(finish, &self.context, reason)).await
            }
            finished => finished,
        };
        self.services.env.reached(FaultPoint::AfterFinish).await;
        match finished {
            Ok(Finished::Over(phase)) => Ok(Ending::Over(phase)),
            Ok(Finished::Overtaken) => Ok(Ending::Overtaken),
            // The run was stopped by a person while it ended.
            Err(store::Error::Conflict { code: "RUN_TRANSITION", .. }) => Ok(Ending::Over(Phase::Stopped)),
            Err(error) => Err(error.into()),
        }
    }

    /// The script does not go on; what may have left is still awaited.
    fn finish_with(&mut self, end: End) {
        if self.end.is_none() {
            self.end = Some(end);
        }
        self.script.kill();
        self.droppable.clear();
        self.sleeping.clear();
    }

    /// Ends the run with a failure that no wait cures.
    fn fail(&mut self, failure: Failure, evidence: Value) {
        let now = self.services.env.now();
        let nothing = Evidence { identity: None, started_at: now, retry_after: None };
        let budget = Budget { failures: u32::MAX, first_failed_at: Timestamp::EPOCH };
        let (need, pause) = match route(failure.class, &nothing, budget, &self.services.transient, now) {
            Route::Ask(need) => (need, false),
            Route::FailClosed(need) => (need, true),
            Route::RetryInPlace { .. } | Route::WaitThenRetry { .. } | Route::Settle { .. } => {
                (NeedKind::Internal, true)
            }
        };
        // A need that holds a run makes no sense for one that has ended.
        let need = if need.holds_run() { NeedKind::Repair } else { need };
        self.finish_with(End::Failed { failure, need, evidence, pause });
    }

    async fn heard(&mut self, message: FromScript) -> Result<(), Trouble> {
        match message {
            FromScript::Call { call, tool, arguments, key, optional } => {
                self.services.env.reached(FaultPoint::CallReceived).await;
                self.called(Leaving { call, tool, arguments, key, optional }).await
            }
            FromScript::Log { line, level, text, at } => {
                self.unsaved.push(Record::Logged(LogLine { line, level, text, at }));
                Ok(())
            }
            FromScript::Idle { delivered } => {
                self.idle = Some(delivered);
                Ok(())
            }
            FromScript::Finished { result } => {
                match serde_json::from_str(&result) {
                    Ok(result) => self.finish_with(End::Finished { result }),
                    Err(_) => self.fail(
                        Failure::new(Class::Internal, "SCRIPT_RESULT_UNSOUND", "the result is no JSON"),
                        json!({}),
                    ),
                }
                Ok(())
            }
            FromScript::Failed(_) | FromScript::Limit(_) | FromScript::Differs(_) | FromScript::Crashed { .. } => {
                let failure = message.failure().unwrap_or_else(|| {
                    Failure::new(Class::Unknown, "SANDBOX_CRASHED", "the attempt ended for no reason it gave")
                });
                self.fail(failure, evidence_of(&message));
                Ok(())
            }
            FromScript::Killed => {
                self.fail(
                    Failure::new(Class::Internal, "SANDBOX_CRASHED", "the attempt was killed from outside"),
                    json!({}),
                );
                Ok(())
            }
        }
    }

    async fn called(&mut self, leaving: Leaving) -> Result<(), Trouble> {
        let now = self.services.env.now();
        let again = self.made_at.contains_key(&leaving.call);
        let made_at = *self.made_at.entry(leaving.call).or_insert(now);
        let admitted = match call::admit(&self.services, &self.context, &leaving)? {
            Ok(admitted) => Arc::new(admitted),
            Err(refused) => {
                if let (Some(tool), false) = (&refused.tool, again) {
                    self.unsaved.called(Called {
                        call: leaving.call,
                        tool: tool.clone(),
                        tool_version: 0,
                        arguments: leaving.arguments.clone(),
                        key: None,
                        optional: leaving.optional,
                        verdict: refused.failure.message.clone(),
                        at: made_at,
                    });
                }
                self.unsaved.faulted(leaving.call, &refused.failure, now);
                if refused.failure.class == Class::Permission {
                    let need = refusal_need(&self.context, &leaving, &refused.failure, refused.evidence);
                    self.sleeping.insert(leaving.call, NewWait::Need(Box::new(need)));
                } else {
                    self.fail(refused.failure, refused.evidence);
                }
                return Ok(());
            }
        };
        if !again {
            self.unsaved.called(Called {
                call: admitted.call,
                tool: admitted.definition.name.clone(),
                tool_version: admitted.definition.version,
                arguments: admitted.arguments.canonical().to_owned(),
                key: admitted.given_key.clone(),
                optional: admitted.optional,
                verdict: admitted.verdict.clone(),
                at: made_at,
            });
        }
        self.calls.insert(admitted.call, Arc::clone(&admitted));
        self.make(&admitted).await
    }

    /// Makes a call, for the first time or again.
    async fn make(&mut self, admitted: &Arc<Admitted>) -> Result<(), Trouble> {
        match &admitted.kind {
            Kind::Host => self.host_call(admitted).await,
            Kind::Read(tool) => {
                let now = self.services.env.now();
                let call = admitted.for_tool(&self.context, now, now);
                let tool = Arc::clone(tool);
                let env = self.services.env.clone();
                let id = admitted.call;
                self.droppable.push(Box::pin(async move {
                    let limit = call.deadline.saturating_add(DEADLINE_GRACE);
                    let guarded = AssertUnwindSafe(tool.perform(&call)).catch_unwind();
                    let result = tokio::select! {
                        result = guarded => result.unwrap_or_else(|_| Err(panicked(Class::Internal))),
                        () = env.sleep(limit) => Err(timed_out(Class::Transient)),
                    };
                    (id, Landing::Read(result))
                }));
                Ok(())
            }
            Kind::Effect(effect) => self.begin(admitted, effect).await,
        }
    }

    async fn begin(&mut self, admitted: &Arc<Admitted>, effect: &EffectCall) -> Result<(), Trouble> {
        self.services.env.reached(FaultPoint::BeforeBegin).await;
        let automation = self.context.automation.id.to_string();
        let marks = effect.rates.iter().flat_map(|rate| {
            rate.subjects.iter().map(|subject| RateMark {
                subject: Digest::of_parts("steward rate 1", &[automation.as_bytes(), subject.as_bytes()]),
                max: rate.max,
                window: rate.window,
                clause: rate.limit,
            })
        });
        let begin = BeginEffect {
            progress: self.unsaved.take(),
            automation: self.context.automation.id,
            tool: admitted.definition.name.clone(),
            key: effect.key.clone(),
            claim: Claim {
                run: self.context.run.id,
                call: admitted.call,
                item: self.context.run.item,
                arguments: effect.arguments_digest,
            },
            rates: marks.collect(),
        };
        let ticket = self.services.store.begin_effect(begin).await?;
        let id = admitted.call;
        self.flights.push(Box::pin(async move { (id, Landing::Begun(ticket.await)) }));
        Ok(())
    }

    async fn landed(&mut self, call: u32, landing: Landing) -> Result<(), Trouble> {
        let admitted = Arc::clone(self.calls.get(&call).expect("a step belongs to a call"));
        match landing {
            Landing::Read(Ok(performed)) => {
                self.services.env.reached(FaultPoint::ReadDone).await;
                match self.misshapen(&admitted, &performed.outcome)? {
                    Some(failure) => self.fail(failure, json!({ "tool": admitted.definition.name.as_str() })),
                    None => self.complete(call, performed.outcome, performed.labels),
                }
                Ok(())
            }
            Landing::Read(Err(fault)) => self.faulted(&admitted, fault.failure, None).await,
            Landing::Begun(begun) => self.begun(&admitted, begun).await,
            Landing::Performed { started_at, result } => self.performed(&admitted, started_at, result).await,
            Landing::Settlement { started_at, result } => self.settlement(&admitted, started_at, result).await,
            Landing::Again => self.make(&admitted).await,
            Landing::AskAgain { started_at } => {
                self.ask_service(&admitted, started_at);
                Ok(())
            }
        }
    }

    async fn begun(&mut self, admitted: &Arc<Admitted>, begun: Result<Begun, store::Error>) -> Result<(), Trouble> {
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
                if self.end.is_some() {
                    // The script has ended meanwhile, and nothing has left: it stays so.
                    return self.settle(admitted, State::NotApplied, None, SettledBy::Answer, None).await;
                }
                self.perform(admitted, started_at);
                Ok(())
            }
            Begun::GiveBack { outcome, suppressed: _ } => {
                self.complete(admitted.call, outcome.unwrap_or(Outcome::Value(Value::Null)), Labels::new());
                Ok(())
            }
            Begun::KeyConflict { run } => {
                let tool = &admitted.definition.name;
                let key = admitted.given_key.as_ref().map(ToString::to_string).unwrap_or_default();
                let message =
                    format!("{tool} was done before under the key {key} with other arguments: the key is too coarse");
                let evidence = json!({ "tool": tool.as_str(), "key": key, "done_by": run.to_string() });
                self.fail(Failure::new(Class::Logic, "KEY_CONFLICT", message), evidence);
                Ok(())
            }
            Begun::Settle { started_at, was_uncertain } => {
                let failure = Failure::new(
                    Class::Uncertain,
                    "EFFECT_UNSETTLED",
                    "it was started, and Steward ended before it knew the outcome",
                );
                self.take_up(admitted, failure, started_at, was_uncertain).await
            }
            Begun::WaitFor(run) => {
                let until = self.services.env.now() + OTHER_RUN_RETRY;
                self.sleeping.insert(admitted.call, NewWait::Run { run, until });
                Ok(())
            }
            Begun::Full { clause, until } => {
                self.beyond(admitted, clause, until);
                Ok(())
            }
            Begun::Stopped => {
                self.finish_with(End::Parked);
                Ok(())
            }
        }
    }

    /// Takes up an effect whose outcome nobody knew when an earlier attempt ended. Waiting was done before, so the
    /// service is asked at once, unless only the person can say.
    async fn take_up(
        &mut self,
        admitted: &Arc<Admitted>,
        failure: Failure,
        started_at: Timestamp,
        was_uncertain: bool,
    ) -> Result<(), Trouble> {
        let Kind::Effect(effect) = &admitted.kind else { return Ok(()) };
        let now = self.services.env.now();
        let evidence = Evidence { identity: Some(effect.identity), started_at, retry_after: None };
        let fresh = Budget { failures: 0, first_failed_at: now };
        let budget = self.budgets.get(&admitted.call).copied().unwrap_or(fresh);
        match route(Class::Uncertain, &evidence, budget, &self.services.transient, now) {
            Route::Settle { .. } => {
                if !was_uncertain {
                    self.mark_uncertain(admitted, None).await?;
                }
                if self.end.is_none() {
                    self.ask_service(admitted, started_at);
                }
                Ok(())
            }
            Route::RetryInPlace { .. } | Route::WaitThenRetry { .. } | Route::Ask(_) | Route::FailClosed(_) => {
                self.faulted(admitted, failure, Some(started_at)).await
            }
        }
    }

    fn beyond(&mut self, admitted: &Arc<Admitted>, clause: usize, until: Timestamp) {
        let Kind::Effect(effect) = &admitted.kind else { return };
        let rate: &RateToCount =
            effect.rates.iter().find(|rate| rate.limit == clause).expect("a full window is one of the call's");
        match rate.beyond(until) {
            Beyond::Wait { until } => {
                self.sleeping.insert(admitted.call, NewWait::Time(until));
            }
            Beyond::Skip { clause } => self.complete(admitted.call, Outcome::Skipped { clause }, Labels::new()),
            Beyond::Ask { clause } => {
                let more = json!({ "clause": clause, "free_at": until.to_string() });
                let need = wording::for_call(&self.context, admitted, NeedKind::Allow, None, more);
                self.sleeping.insert(admitted.call, NewWait::Need(Box::new(need)));
            }
        }
    }

    /// Something leaves now.
    fn perform(&mut self, admitted: &Arc<Admitted>, started_at: Timestamp) {
        let Kind::Effect(effect) = &admitted.kind else { return };
        self.note_in_flight(admitted, effect, started_at);
        let call = admitted.for_tool(&self.context, started_at, self.services.env.now());
        let tool = Arc::clone(&effect.tool);
        let env = self.services.env.clone();
        let id = admitted.call;
        self.flights.push(Box::pin(async move {
            let limit = call.deadline.saturating_add(DEADLINE_GRACE);
            let guarded = AssertUnwindSafe(tool.perform(&call)).catch_unwind();
            let result = tokio::select! {
                result = guarded => result.unwrap_or_else(|_| Err(panicked(Class::Uncertain))),
                () = env.sleep(limit) => Err(timed_out(Class::Uncertain)),
            };
            env.reached(FaultPoint::AfterPerform).await;
            (id, Landing::Performed { started_at, result })
        }));
    }

    /// Asks the service, or does it again where that is safe.
    fn ask_service(&mut self, admitted: &Arc<Admitted>, started_at: Timestamp) {
        let Kind::Effect(effect) = &admitted.kind else { return };
        self.note_in_flight(admitted, effect, started_at);
        let call = admitted.for_tool(&self.context, started_at, self.services.env.now());
        let tool = Arc::clone(&effect.tool);
        let env = self.services.env.clone();
        let id = admitted.call;
        self.flights.push(Box::pin(async move {
            let limit = call.deadline.saturating_add(DEADLINE_GRACE);
            let guarded = AssertUnwindSafe(tool.settle(&call)).catch_unwind();
            let result = tokio::select! {
                result = guarded => result.unwrap_or_else(|_| Err(panicked(Class::Uncertain).failure)),
                () = env.sleep(limit) => Err(timed_out(Class::Uncertain).failure),
            };
            env.reached(FaultPoint::AfterSettleQuestion).await;
            (id, Landing::Settlement { started_at, result })
        }));
    }

    async fn performed(
        &mut self,
        admitted: &Arc<Admitted>,
        started_at: Timestamp,
        result: Result<Performed, Fault>,
    ) -> Result<(), Trouble> {
        self.services.in_flight.remove(self.context.run.id, admitted.call);
        match result {
            Ok(performed) => self.applied(admitted, performed.outcome, performed.labels, SettledBy::Answer).await,
            Err(fault) if fault.proves_nothing_done => {
                self.settle(admitted, State::NotApplied, None, SettledBy::Answer, None).await?;
                self.faulted(admitted, fault.failure, Some(started_at)).await
            }
            Err(fault) => {
                let failure = Failure { class: Class::Uncertain, ..fault.failure };
                self.faulted(admitted, failure, Some(started_at)).await
            }
        }
    }

    async fn settlement(
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
                self.settle(admitted, State::NotApplied, None, SettledBy::Service, None).await?;
                if self.end.is_none() { self.make(admitted).await } else { Ok(()) }
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
    async fn applied(
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
        let at = self.note_outcome(admitted.call, &outcome, labels);
        let settle = self.settle_command(admitted, state, Some(outcome.clone()), by, None);
        let Some(settle) = settle else { return Ok(()) };
        let ticket = self.services.store.settle_effect(settle).await?;
        self.deliveries.push_back(Delivery { call: admitted.call, outcome, at, saved: Some(ticket) });
        Ok(())
    }

    /// Stores what is known of an effect that gives the script nothing yet.
    async fn settle(
        &mut self,
        admitted: &Arc<Admitted>,
        state: State,
        outcome: Option<Outcome>,
        by: SettledBy,
        need: Option<NewNeed>,
    ) -> Result<(), Trouble> {
        let Some(settle) = self.settle_command(admitted, state, outcome, by, need) else { return Ok(()) };
        self.services.store.settle_effect(settle).await?.await?;
        Ok(())
    }

    fn settle_command(
        &mut self,
        admitted: &Arc<Admitted>,
        state: State,
        outcome: Option<Outcome>,
        by: SettledBy,
        need: Option<NewNeed>,
    ) -> Option<SettleEffect> {
        let Kind::Effect(effect) = &admitted.kind else { return None };
        Some(SettleEffect {
            progress: self.unsaved.take(),
            automation: self.context.automation.id,
            tool: admitted.definition.name.clone(),
            key: effect.key.clone(),
            state,
            outcome,
            by,
            need,
        })
    }

    /// A step has failed; what now is decided by the route.
    async fn faulted(
        &mut self,
        admitted: &Arc<Admitted>,
        failure: Failure,
        started_at: Option<Timestamp>,
    ) -> Result<(), Trouble> {
        let now = self.services.env.now();
        self.unsaved.faulted(admitted.call, &failure, now);
        let budget = self.budgets.entry(admitted.call).or_insert(Budget { failures: 0, first_failed_at: now });
        budget.failures = budget.failures.saturating_add(1);
        let budget = *budget;
        let evidence = Evidence {
            identity: match &admitted.kind {
                Kind::Effect(effect) => Some(effect.identity),
                Kind::Host | Kind::Read(_) => None,
            },
            started_at: started_at.unwrap_or(now),
            retry_after: failure.retry_after_ms.map(Duration::from_millis),
        };
        let route = route(failure.class, &evidence, budget, &self.services.transient, now);
        let uncertain = failure.class == Class::Uncertain;
        if self.end.is_some() {
            // The script is gone. What is uncertain stays so in the ledger, and a blind effect is asked about.
            let need = matches!(route, Route::Ask(_))
                .then(|| wording::for_call(&self.context, admitted, NeedKind::Settle, Some(&failure), json!({})));
            return if uncertain { self.mark_uncertain(admitted, need).await } else { Ok(()) };
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
            Route::Ask(_) | Route::FailClosed(_) => {
                let more = json!({ "tool": admitted.definition.name.as_str(), "call": admitted.call });
                self.fail(failure, more);
            }
        }
        Ok(())
    }

    /// In the ledger nobody knows whether it happened; noted once, and again only with a new question.
    async fn mark_uncertain(&mut self, admitted: &Arc<Admitted>, need: Option<NewNeed>) -> Result<(), Trouble> {
        self.settle(admitted, State::Uncertain, None, SettledBy::Answer, need).await
    }

    fn goes_on_without(&self, admitted: &Admitted, failure: &Failure, route: &Route, budget: Budget) -> bool {
        let waits_long = match route {
            Route::RetryInPlace { .. } => budget.failures >= OPTIONAL_FAILURES_MAX,
            Route::WaitThenRetry { .. } | Route::Ask(_) => true,
            Route::Settle { .. } | Route::FailClosed(_) => false,
        };
        admitted.optional && failure.class == Class::Transient && !admitted.definition.is_effect() && waits_long
    }

    fn later(&mut self, call: u32, at: Timestamp, landing: Landing) {
        let sleep = self.services.env.clock.sleep_until(at);
        self.droppable.push(Box::pin(async move {
            sleep.await;
            (call, landing)
        }));
    }

    /// A call has its outcome, and nothing of it needs to be on the disk before the script sees it.
    fn complete(&mut self, call: u32, outcome: Outcome, labels: Labels) {
        let at = self.note_outcome(call, &outcome, labels);
        self.deliveries.push_back(Delivery { call, outcome, at, saved: None });
    }

    fn note_outcome(&mut self, call: u32, outcome: &Outcome, labels: Labels) -> Timestamp {
        let now = self.services.env.now();
        let made_at = self.made_at.get(&call).copied().unwrap_or(now);
        self.labels.extend(labels.iter().cloned());
        let took_ms = u64::try_from(now.since(made_at).as_millis()).unwrap_or(u64::MAX);
        self.unsaved.settled(call, outcome, labels, took_ms, now)
    }

    async fn deliver(&mut self, delivery: Delivery) -> Result<(), Trouble> {
        if delivery.saved.is_some() {
            self.services.env.reached(FaultPoint::AfterSettle).await;
        }
        if self.end.is_some() {
            return Ok(());
        }
        match self.script.answer(delivery.call, &delivery.outcome, delivery.at).await {
            Ok(()) => self.sent += 1,
            Err(error) => {
                // Too large for the script, or its process is gone, which the next message tells.
                let failure = Failure::new(error.class(), error.code(), error.to_string());
                self.fail(failure, json!({ "call": delivery.call }));
            }
        }
        Ok(())
    }

    async fn host_call(&mut self, admitted: &Arc<Admitted>) -> Result<(), Trouble> {
        let call = admitted.call;
        let host_call = match HostCall::read(admitted.definition.name.as_str(), admitted.arguments.value()) {
            Ok(host_call) => host_call,
            Err(failure) => {
                self.fail(failure, json!({ "call": call }));
                return Ok(());
            }
        };
        let now = self.services.env.now();
        let made_at = self.made_at.get(&call).copied().unwrap_or(now);
        match host_call {
            HostCall::Sleep { ms, until } => {
                let until = host::wake_at(made_at, ms, until);
                if until <= now {
                    self.complete(call, Outcome::Value(Value::Null), Labels::new());
                } else {
                    self.sleeping.insert(call, NewWait::Time(until));
                }
            }
            HostCall::WaitFor { event, until } => self.wait_for(call, event, until, now).await?,
            HostCall::StateGet { key } => {
                let value = match self.overlay.written(&key) {
                    Some(value) => value,
                    None => {
                        let versioned = self.services.store.state(self.context.automation.id, &key).await?;
                        self.overlay.saw(&key, versioned.version);
                        self.unsaved.push(Record::StateRead { name: key, version: versioned.version });
                        versioned.value.unwrap_or(Value::Null)
                    }
                };
                self.complete(call, Outcome::Value(value), Labels::new());
            }
            HostCall::StateSet { key, value } => match self.overlay.write(key, value) {
                Ok(()) => self.complete(call, Outcome::Value(Value::Null), Labels::new()),
                Err(failure) => self.fail(failure, json!({ "call": call })),
            },
            HostCall::Notify { title, text, level } => {
                let outcome = Outcome::Value(Value::Null);
                let at = self.note_outcome(call, &outcome, Labels::new());
                let automation = self.context.automation.id;
                let notice = NewNotice { progress: self.unsaved.take(), automation, level, title, text };
                let ticket = self.services.store.notify(notice).await?;
                self.deliveries.push_back(Delivery { call, outcome, at, saved: Some(ticket) });
            }
            HostCall::Emit { name, data } => {
                let outcome = Outcome::Value(Value::Null);
                let at = self.note_outcome(call, &outcome, Labels::new());
                let signal = Signal { progress: self.unsaved.take(), name, data, labels: self.labels.clone() };
                let ticket = self.services.store.emit(signal).await?;
                self.deliveries.push_back(Delivery { call, outcome, at, saved: Some(ticket) });
            }
        }
        Ok(())
    }

    async fn wait_for(
        &mut self,
        call: u32,
        event: String,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let taken = self.events_taken.get(&event).copied().unwrap_or(0);
        let found = self.services.store.signal_since(&event, self.context.run.created_at, taken).await?;
        match found {
            Some((data, _)) => {
                self.events_taken.insert(event.clone(), taken + 1);
                self.complete(call, host::came(&event, data), Labels::new());
            }
            None if until.is_some_and(|until| until <= now) => {
                self.complete(call, host::timed_out(&event), Labels::new());
            }
            None => {
                self.sleeping.insert(call, NewWait::Event { name: event, taken, until });
            }
        }
        Ok(())
    }

    fn misshapen(&self, admitted: &Admitted, outcome: &Outcome) -> Result<Option<Failure>, Trouble> {
        let (Outcome::Value(value), Shape::BuiltIn) = (outcome, admitted.definition.shape) else { return Ok(None) };
        let schemas = self.services.schemas(&admitted.definition)?;
        Ok(schemas.result.iter_errors(value).next().map(|fault| {
            let message = format!(
                "the result of {} does not fit its schema at `{}`",
                admitted.definition.name,
                fault.instance_path()
            );
            Failure::new(Class::Internal, "TOOL_RESULT", message)
        }))
    }

    fn note_in_flight(&self, admitted: &Admitted, effect: &EffectCall, started_at: Timestamp) {
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

/// Ends when the attempt is to stop. A sender that is gone is a server that goes away: the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stopped| *stopped).await.map(|_| ()).unwrap_or_default();
}

/// The first delivery, once it is on the disk. Pending while there is none.
fn next_delivery(deliveries: &mut VecDeque<Delivery>) -> impl Future<Output = Result<Delivery, store::Error>> + '_ {
    poll_fn(|context| {
        let Some(front) = deliveries.front_mut() else { return Poll::Pending };
        if let Some(ticket) = &mut front.saved {
            match Pin::new(ticket).poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(deliveries.pop_front().expect("there is a front")))
    })
}

/// A run that was stopped meanwhile takes no more reports; what they say of effects is stored apart.
fn late_news(error: store::Error) -> Result<(), store::Error> {
    if matches!(error, store::Error::Conflict { code: "RUN_TRANSITION", .. }) { Ok(()) } else { Err(error) }
}

fn without_records(mut finish: Finish, context: &Context, reason: String) -> Finish {
    let failure = Failure::new(Class::Limit, "LIMIT_JOURNAL", reason);
    finish.progress.records.clear();
    finish.needs = vec![wording::for_run(context, NeedKind::Limit, &failure, json!({}))];
    finish.failure = Some(failure);
    finish.state.clear();
    finish
}

fn panicked(class: Class) -> Fault {
    let failure = Failure::new(class, "TOOL_PANIC", "the tool ended abruptly; this is a fault of Steward");
    Fault { failure, proves_nothing_done: false }
}

fn timed_out(class: Class) -> Fault {
    let failure = Failure::new(class, "TOOL_TIMEOUT", "the tool did not end within its time");
    Fault { failure, proves_nothing_done: false }
}

fn refusal_need(context: &Context, leaving: &Leaving, failure: &Failure, evidence: Value) -> NewNeed {
    NewNeed {
        kind: NeedKind::Grant,
        dedupe_key: NeedKind::Grant.of_call(context.run.id, context.run.generation, leaving.call),
        automation: Some(context.automation.id),
        run: Some(context.run.id),
        call: Some(leaving.call),
        effect: None,
        title: format!("{}: the contract does not allow a call of {}", context.automation.title, leaving.tool),
        evidence: json!({ "why": failure.message, "code": failure.code, "more": evidence }),
    }
}

fn evidence_of(message: &FromScript) -> Value {
    match message {
        FromScript::Failed(failure) => json!({
            "name": failure.name, "message": failure.message, "line": failure.line, "column": failure.column,
            "stack": failure.stack, "details": failure.details,
        }),
        FromScript::Differs(mismatch) => {
            let side = |step: &Option<sandbox::Step>| {
                step.as_ref().map(|step| json!({ "tool": step.tool, "arguments": step.arguments, "key": step.key }))
            };
            json!({ "call": mismatch.call, "recorded": side(&mismatch.recorded), "now": side(&mismatch.actual) })
        }
        FromScript::Limit(broken) => json!({ "limit": broken.which.code() }),
        FromScript::Crashed { message } => json!({ "message": message }),
        FromScript::Call { .. }
        | FromScript::Log { .. }
        | FromScript::Idle { .. }
        | FromScript::Finished { .. }
        | FromScript::Killed => json!({}),
    }
}

fn logged(records: &[Record]) -> u32 {
    let lines = records.iter().filter(|record| matches!(record, Record::Logged(_))).count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

fn made_at(records: &[Record]) -> BTreeMap<u32, Timestamp> {
    let call = |record: &Record| match record {
        Record::Called(called) => Some((called.call, called.at)),
        Record::Began { .. }
        | Record::Settled { .. }
        | Record::Faulted { .. }
        | Record::StateRead { .. }
        | Record::Logged(_)
        | Record::Ended { .. } => None,
    };
    records.iter().filter_map(call).collect()
}

fn budgets(records: &[Record]) -> BTreeMap<u32, Budget> {
    let mut budgets = BTreeMap::new();
    for record in records {
        if let Record::Faulted { call, at, .. } = record {
            let budget = budgets.entry(*call).or_insert(Budget { failures: 0, first_failed_at: *at });
            budget.failures = budget.failures.saturating_add(1);
        }
    }
    budgets
}

/// How many events of each name the script was given before.
fn events_taken(records: &[Record]) -> BTreeMap<String, u64> {
    let mut taken = BTreeMap::new();
    for call in recorded(records) {
        let came = matches!(call.settled.as_ref().map(|settled| &settled.outcome), Some(Outcome::Value(_)));
        if came && call.called.tool.as_str() == "steward.wait_for" {
            let arguments = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
            if let Ok(HostCall::WaitFor { event, .. }) = HostCall::read("steward.wait_for", &arguments) {
                *taken.entry(event).or_insert(0) += 1;
            }
        }
    }
    taken
}
