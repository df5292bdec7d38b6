//! One attempt: the loop between the script's process, the calls under way, and the store.

mod approval;
mod drift;
mod effect;
mod ending;
mod evidence;
mod fault;
mod files;
mod host_call;
mod memory;
mod outside;
mod reread;
mod shadow;
mod side;

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use connectors::{Fault, Performed, Settlement};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use intents::Timestamp;
use intents::approval::Content;
use intents::canonical::Digest;
use intents::failure::{Budget, Class};
use intents::gate::Verdict;
use intents::id::RunId;
use intents::journal::{Called, Record, Report, recorded};
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};
use intents::run::Phase;
use intents::tool::Shape;
use sandbox::Start;
use serde_json::json;
use tokio::sync::watch;
use tracing::Instrument;

use super::answers::stale;
use super::call::{Admitted, Kind, Leaving, Refused, Wish};
use super::context::{Context, Trouble};
use super::host::Overlay;
use super::outside::Holder;
use super::progress::Unsaved;
use super::witness::Witness;
use super::{Services, call};
use crate::env::FaultPoint;
use crate::store;
use crate::store::{Begun, Blocked, Foretold, NewWait, Program, Ticket};
use crate::telemetry::metrics::GateVerdict;
use crate::telemetry::traces::AttemptTrace;

pub use self::ending::Ending;

use self::drift::Shapes;
use self::ending::End;
use self::evidence::refusal_need;
pub(crate) use self::fault::within;
use self::memory::{budgets, events_taken, logged, made_at, not_before, said};
use self::reread::Earlier;
use self::side::{Said, Side};

/// An attempt that lives longer than this is not working; its waits would be rows.
const ATTEMPT_MAX: Duration = Duration::from_secs(3600);
/// An engine outside may have much to compute; one that has not come to an end in a day never will.
const ATTEMPT_OUTSIDE_MAX: Duration = Duration::from_secs(24 * 3600);
/// How soon a call looks again for a key that another run holds, should the hint be lost.
const OTHER_RUN_RETRY: Duration = Duration::from_secs(30);
/// Failures of an optional read after which the script goes on without it.
const OPTIONAL_FAILURES_MAX: u32 = 3;

/// What a step of a call has come to.
enum Landing {
    Read(Result<Performed, Fault>),
    /// A read was made again for the sake of this call.
    Reread {
        again: Arc<Admitted>,
        of: u32,
        result: Result<Performed, Fault>,
    },
    /// The content of the files that the call names.
    Looked(Result<Vec<Content>, Failure>),
    /// The places of a call that is no effect.
    Taken {
        admitted: Arc<Admitted>,
        reread: Option<u32>,
        taken: Result<Option<Blocked>, store::Error>,
    },
    Begun(Result<Begun, store::Error>),
    Foretold(Result<Foretold, store::Error>),
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
    outcome: Arc<Outcome>,
    at: Timestamp,
    saved: Option<Ticket<()>>,
}

struct Attempt {
    services: Services,
    context: Arc<Context>,
    number: u32,
    side: Side,
    unsaved: Unsaved,
    /// When each call of the journal was made.
    made_at: BTreeMap<u32, Timestamp>,
    /// The calls that the script has made in this attempt, and those that the gate has let pass.
    wishes: BTreeMap<u32, Arc<Wish>>,
    calls: BTreeMap<u32, Arc<Admitted>>,
    /// Whether a clause looks at what was read.
    binds: bool,
    reads: Vec<Earlier>,
    /// The calls that were read again for the sake of a call, since the gate last let it pass.
    reread: BTreeMap<u32, Vec<u32>>,
    /// The content of files that a person is asked about.
    contents: BTreeMap<u32, Arc<[Content]>>,
    /// How many places were taken for reads: each that leaves takes one.
    places: u32,
    /// When a call that failed may be made again: a sibling may have woken the run before.
    not_before: BTreeMap<u32, Timestamp>,
    /// Steps that must come to an end: something may have left.
    flights: Flights,
    /// Steps that may be dropped: reads and backoffs.
    droppable: Flights,
    deliveries: VecDeque<Delivery>,
    sleeping: BTreeMap<u32, NewWait>,
    budgets: BTreeMap<u32, Budget>,
    overlay: Overlay,
    /// What is known of the shapes of results.
    shapes: Shapes,
    labels: Labels,
    /// Events of each name that the script has been given.
    events_taken: BTreeMap<String, u64>,
    /// The messages that the script has given, each with what makes two of them alike.
    said: BTreeMap<u32, Digest>,
    /// Whether the attempt is to stop.
    stop: watch::Receiver<bool>,
    sent: u32,
    idle: Option<u32>,
    end: Option<End>,
    /// The logical time of the run's first line.
    began_at: Timestamp,
    /// Holders of an engine outside that were lost in a row.
    lost_in_a_row: usize,
    /// How often an engine outside gave up before.
    gave_up: Option<Budget>,
}

/// Where an attempt is to live.
pub(super) enum Seat {
    /// In a process of its own.
    Jail,
    /// With an engine outside.
    Outside(Holder),
}

/// Who is to make the calls.
enum Maker {
    Script(String),
    Engine(Holder),
}

/// Carries a run out in the jail until it ends, sleeps, or is stopped.
pub async fn carry_out(services: Services, run: RunId, stop: watch::Receiver<bool>) -> Result<Ending, Trouble> {
    carry_out_at(services, run, Seat::Jail, stop).await
}

/// Carries a run out until it ends, sleeps, or is stopped.
pub(super) async fn carry_out_at(
    services: Services,
    run: RunId,
    seat: Seat,
    mut stop: watch::Receiver<bool>,
) -> Result<Ending, Trouble> {
    let Some(context) = Context::load(&services, run).await? else { return Ok(Ending::NotReady) };
    services.env.reached(FaultPoint::AttemptClaimed).await;
    if context.item.useful_until.is_some_and(|until| services.env.now() > until) {
        services.store.stop_run(run, "useful_for").await?;
        return Ok(Ending::Over(Phase::Stopped));
    }
    // What an engine is to execute never enters the jail, and what is a script goes nowhere else.
    let maker = match (&context.script.program, seat) {
        (Program::Script(source), Seat::Jail) => Maker::Script(source.clone()),
        (Program::Outside(engine), Seat::Outside(holder)) if holder.engine() == engine => Maker::Engine(holder),
        (Program::Script(_) | Program::Outside(_), Seat::Outside(_)) | (Program::Outside(_), Seat::Jail) => {
            return Ok(Ending::NotReady);
        }
    };
    let automation = context.automation.id;
    let meter = services.meter.clone();
    let trace = services.tracer.attempt(&context.run, context.run.attempts + 1);
    // Every line of the log that is written under way names what it is about.
    let span = tracing::error_span!("attempt", %run, %automation, trace_id = tracing::field::Empty);
    if let Some(trace) = &trace {
        span.record("trace_id", tracing::field::display(trace.ids().trace()));
    }
    let going = async move {
        let mut attempt = Attempt::start(services, context, maker, trace, stop.clone()).await?;
        let ending = attempt.go(&mut stop).await;
        attempt.services.in_flight.remove_run(run);
        attempt.unsaved.ended(ending.as_ref().ok().copied());
        if let Ok(ending) = &ending {
            attempt.side.ended(*ending);
        }
        ending
    };
    let ending = going.instrument(span).await;
    if let Ok(Ending::Over(phase)) = &ending {
        meter.run_ended(automation, *phase);
    }
    ending
}

impl Attempt {
    async fn start(
        services: Services,
        mut context: Context,
        maker: Maker,
        trace: Option<AttemptTrace>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, Trouble> {
        context.trace = trace.as_ref().map(AttemptTrace::ids);
        let witness = Witness::new(services.meter.clone(), trace, &context.records);
        let began = context.records.iter().rev().find_map(|record| match record {
            Record::Began { pins, at, seed, .. } => Some((pins.clone(), *at, *seed)),
            Record::Called(_)
            | Record::Settled { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => None,
        });
        let (at, seed) = match &began {
            Some((_, at, seed)) => (*at, *seed),
            None => (services.env.now(), Digest::from_bytes(services.env.random_bytes())),
        };
        let pins = context.pins();
        let number = context.run.attempts + 1;
        let mut unsaved = Unsaved::new(context.run.id, number, context.run.generation, &context.records, at, witness);
        // The first attempt, and the first after an upgrade, say what they run with.
        if began.as_ref().is_none_or(|(old, _, _)| *old != pins) {
            unsaved.push(Record::Began { pins, at, seed, input: context.item.input.clone() });
        }
        let side = match maker {
            Maker::Engine(holder) => Side::Outside { holder, outcome_bytes: services.limits.outcome_bytes },
            Maker::Script(script) => {
                let start = Start {
                    script,
                    name: "script.js".to_owned(),
                    input: context.item.input.clone(),
                    at,
                    seed: *seed.as_bytes(),
                    replay: recorded(&context.records),
                    tools: context.tools(),
                    logged: logged(&context.records),
                };
                let script = services.jail.attempt(start, services.limits.clone()).await.map_err(unstarted)?;
                services.meter.forked();
                Side::Jailed(script)
            }
        };
        let binds = reread::binds(&context.own) || context.current.as_deref().is_some_and(reread::binds);
        Ok(Self {
            number,
            side,
            unsaved,
            made_at: made_at(&context.records),
            wishes: BTreeMap::new(),
            calls: BTreeMap::new(),
            reads: if binds { reread::read_before(&context.records) } else { Vec::new() },
            binds,
            reread: BTreeMap::new(),
            contents: BTreeMap::new(),
            places: 0,
            not_before: not_before(&context.records, &services.transient),
            flights: Flights::new(),
            droppable: Flights::new(),
            deliveries: VecDeque::new(),
            sleeping: BTreeMap::new(),
            budgets: budgets(&context.records),
            overlay: Overlay::from_records(&context.records),
            shapes: Shapes::of(&context),
            labels: context.labels.clone(),
            events_taken: events_taken(&context.records),
            said: said(&context.records),
            stop,
            sent: 0,
            idle: None,
            end: None,
            began_at: at,
            lost_in_a_row: outside::lost_in_a_row(&context.records),
            gave_up: outside::gave_up(&context.records),
            context: Arc::new(context),
            services,
        })
    }

    async fn go(&mut self, stop: &mut watch::Receiver<bool>) -> Result<Ending, Trouble> {
        let env = self.services.env.clone();
        self.open().await?;
        self.age();
        let longest = self.longest();
        let mut deadline = env.clock.sleep_until(env.now() + longest);
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
                said = self.side.next(), if !ended => self.heard(said).await?,
                () = &mut deadline, if !ended => {
                    let failure = Failure::new(
                        Class::Limit,
                        "LIMIT_ATTEMPT",
                        format!("the attempt was under way for longer than {} minutes", longest.as_secs() / 60),
                    );
                    self.fail(failure, json!({}));
                }
            }
        }
    }

    fn longest(&self) -> Duration {
        match self.side {
            Side::Jailed(_) => ATTEMPT_MAX,
            Side::Outside { .. } => ATTEMPT_OUTSIDE_MAX,
        }
    }

    async fn heard(&mut self, said: Said) -> Result<(), Trouble> {
        match said {
            Said::Call(leaving) => {
                self.services.env.reached(FaultPoint::CallReceived).await;
                self.idle = None;
                return self.called(leaving).await;
            }
            Said::Logged(line) => self.unsaved.push(Record::Logged(line)),
            Said::Idle { delivered } => self.idle = Some(delivered),
            Said::Finished { result } => self.finish_with(End::Finished { result }),
            Said::Failed { failure, evidence } => self.fail(failure, evidence),
            Said::Started { says } => return self.started(says).await,
            Said::Step(step) => return self.step(step).await,
            Said::GaveUp { failure } => self.gave_up(failure),
            Said::Released => self.finish_with(End::Parked),
            Said::Lost => self.lost(),
        }
        Ok(())
    }

    async fn called(&mut self, leaving: Leaving) -> Result<(), Trouble> {
        let now = self.services.env.now();
        if leaving.call >= self.services.limits.calls {
            let message = "the run made more calls than it may";
            self.fail(Failure::new(Class::Limit, "LIMIT_CALLS", message), json!({}));
            return Ok(());
        }
        let again = self.made_at.contains_key(&leaving.call);
        if let (Some(id), false) = (&leaving.id, again) {
            self.unsaved.push(Record::Outside(Report::Named { call: leaving.call, id: id.clone() }));
        }
        let made_at = *self.made_at.entry(leaving.call).or_insert(now);
        let wish = match call::understand(&self.services.tools, &leaving)? {
            Ok(wish) => Arc::new(wish),
            Err(refused) => {
                if let (Some(tool), false) = (&refused.tool, again) {
                    self.unsaved.called(Called {
                        call: leaving.call,
                        tool: tool.clone(),
                        tool_version: 0,
                        arguments: leaving.arguments.clone(),
                        // As the script gave it: a replay compares it.
                        key: leaving.key.as_deref().and_then(|key| call::parse_key(key).ok()),
                        optional: leaving.optional,
                        verdict: refused.failure.message.clone(),
                        at: made_at,
                    });
                }
                return self.refuse(&leaving, *refused);
            }
        };
        self.wishes.insert(wish.call, Arc::clone(&wish));
        if let Some(until) = self.not_before.remove(&wish.call).filter(|until| *until > now) {
            // It waits for its own time, whatever woke the run.
            self.sleeping.insert(wish.call, NewWait::Time(until));
            return Ok(());
        }
        let verdict = self.verdict(&wish);
        if !again {
            self.unsaved.called(Called {
                call: wish.call,
                tool: wish.definition.name.clone(),
                tool_version: wish.definition.version,
                arguments: wish.arguments.canonical().to_owned(),
                key: wish.given_key.clone(),
                optional: wish.optional,
                verdict: call::in_words(&verdict),
                at: made_at,
            });
        }
        self.follow(&wish, verdict).await
    }

    /// Makes a call again: the whole gate decides anew.
    async fn decide_again(&mut self, call: u32) -> Result<(), Trouble> {
        let wish = Arc::clone(self.wishes.get(&call).expect("a call is made again that was made"));
        let verdict = self.verdict(&wish);
        self.follow(&wish, verdict).await
    }

    /// Does what the gate says.
    async fn follow(&mut self, wish: &Wish, verdict: Verdict) -> Result<(), Trouble> {
        match verdict {
            Verdict::Deny { reasons } => {
                let leaving = wish.leaving();
                self.refuse(&leaving, *call::denied(&wish.definition, reasons))
            }
            Verdict::Stale { clause, .. } => {
                self.reread.remove(&wish.call);
                self.complete(wish.call, stale(&clause), Labels::new());
                Ok(())
            }
            Verdict::NeedsFreshRead { call, .. } => self.reread(wish, call).await,
            Verdict::Pass(passed) => {
                self.services.meter.verdict(GateVerdict::Allow);
                // The next decision on it is another: what is fresh now may be old by then.
                self.reread.remove(&wish.call);
                let admitted = Arc::new(call::admit(&self.context, wish, *passed));
                self.calls.insert(wish.call, Arc::clone(&admitted));
                match &admitted.kind {
                    Kind::Effect(effect) => {
                        if self.look_at_contents(&admitted) {
                            return Ok(());
                        }
                        self.begin(&admitted, effect).await
                    }
                    Kind::Shadowed { key } => self.foresee(&admitted, key.clone()).await,
                    Kind::Host | Kind::Read(_) if self.gives_back(&admitted) => Ok(()),
                    Kind::Host | Kind::Read(_) if admitted.passed.is_free() => self.go_ahead(&admitted).await,
                    Kind::Host | Kind::Read(_) => self.take_place(&admitted, None).await,
                }
            }
        }
    }

    /// Gives back what the failed run read in whose place this one goes on: nothing leaves, and no place is taken.
    fn gives_back(&mut self, admitted: &Admitted) -> bool {
        let Some(given) = self.given(admitted) else { return false };
        let call = admitted.call;
        self.droppable.push(Box::pin(std::future::ready((call, Landing::Read(Ok(given))))));
        true
    }

    /// A call goes nowhere: what the contract could lift is asked about, anything else ends the run.
    fn refuse(&mut self, leaving: &Leaving, refused: Refused) -> Result<(), Trouble> {
        let grants = refused.failure.class == Class::Permission;
        let routed = if grants { "asked: grant" } else { "the run ends" };
        self.unsaved.faulted(leaving.call, &refused.failure, routed.to_owned(), self.services.env.now());
        if refused.failure.class == Class::Permission {
            self.services.meter.verdict(GateVerdict::Deny);
            let need = refusal_need(&self.context, leaving, &refused.failure, refused.evidence);
            self.sleeping.insert(leaving.call, NewWait::Need(Box::new(need)));
        } else {
            self.fail(refused.failure, refused.evidence);
        }
        Ok(())
    }

    /// Makes a call that is no effect.
    async fn go_ahead(&mut self, admitted: &Arc<Admitted>) -> Result<(), Trouble> {
        let Kind::Read(tool) = &admitted.kind else { return self.host_call(admitted).await };
        let now = self.services.env.now();
        // Who can do without the answer wants to know whether it is there now.
        if !admitted.optional
            && let Err(failure) = self.services.breakers.admit(admitted, now)
        {
            return self.faulted(admitted, failure, None).await;
        }
        self.leaves(admitted.call);
        let call = admitted.for_tool(&self.context, &self.labels, None, now, now);
        let (services, tool, id) = (self.services.clone(), Arc::clone(tool), admitted.call);
        self.droppable.push(Box::pin(async move {
            let result = files::read(&services, &tool, &call).await;
            (id, Landing::Read(result))
        }));
        Ok(())
    }

    async fn landed(&mut self, call: u32, landing: Landing) -> Result<(), Trouble> {
        let admitted = || Arc::clone(self.calls.get(&call).expect("a step belongs to a call"));
        match landing {
            Landing::Reread { again, of, result } => self.was_read_again(&again, of, result).await,
            Landing::Taken { admitted, reread, taken } => self.taken(&admitted, reread, taken).await,
            Landing::Again => self.decide_again(call).await,
            Landing::Read(Ok(performed)) => {
                let admitted = admitted();
                if !self.was_given(call) {
                    self.services.breakers.note(&admitted, Ok(()), self.services.env.now());
                }
                self.services.env.reached(FaultPoint::ReadDone).await;
                self.came(&admitted, performed).await
            }
            Landing::Read(Err(fault)) => {
                let admitted = admitted();
                self.services.breakers.note::<()>(&admitted, Err(&fault.failure), self.services.env.now());
                self.faulted(&admitted, fault.failure, None).await
            }
            Landing::Looked(Ok(contents)) => {
                let admitted = admitted();
                self.contents.insert(call, contents.into());
                let Kind::Effect(effect) = &admitted.kind else { return Ok(()) };
                self.begin(&admitted, effect).await
            }
            Landing::Looked(Err(failure)) => {
                let admitted = admitted();
                self.faulted(&admitted, failure, None).await
            }
            Landing::Begun(begun) => {
                let admitted = admitted();
                self.begun(&admitted, begun).await
            }
            Landing::Foretold(foretold) => {
                let admitted = admitted();
                self.foretold(&admitted, foretold).await
            }
            Landing::Performed { started_at, result } => {
                let admitted = admitted();
                let came = result.as_ref().map(|_| ()).map_err(|fault| &fault.failure);
                self.services.breakers.note(&admitted, came, self.services.env.now());
                self.performed(&admitted, started_at, result).await
            }
            Landing::Settlement { started_at, result } => {
                let admitted = admitted();
                self.settlement(&admitted, started_at, result).await
            }
            Landing::AskAgain { started_at } => {
                let admitted = admitted();
                self.ask_service(&admitted, started_at);
                Ok(())
            }
        }
    }

    /// A call has its outcome, and nothing of it needs to be on the disk before the script sees it.
    fn complete(&mut self, call: u32, outcome: Outcome, labels: Labels) {
        let outcome = Arc::new(outcome);
        let at = self.note_outcome(call, Arc::clone(&outcome), labels);
        self.deliveries.push_back(Delivery { call, outcome, at, saved: None });
    }

    fn note_outcome(&mut self, call: u32, outcome: Arc<Outcome>, labels: Labels) -> Timestamp {
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
        match self.side.answer(delivery.call, &delivery.outcome, delivery.at).await {
            Ok(()) => self.sent += 1,
            Err(error) => {
                // Too large for the script, or its process is gone, which the next message tells.
                let failure = Failure::new(error.class(), error.code(), error.to_string());
                self.fail(failure, json!({ "call": delivery.call }));
            }
        }
        Ok(())
    }

    fn misshapen(&self, admitted: &Admitted, outcome: &Outcome) -> Result<Option<Failure>, Trouble> {
        let (Outcome::Value(value), Shape::BuiltIn) = (outcome, admitted.definition.shape) else { return Ok(None) };
        let schemas = self.services.tools.schemas(&admitted.definition)?;
        Ok(schemas.result.iter_errors(value).next().map(|fault| {
            let message = format!(
                "the result of {} does not fit its schema at `{}`",
                admitted.definition.name,
                fault.instance_path()
            );
            Failure::new(Class::Internal, "TOOL_RESULT", message)
        }))
    }
}

/// Trouble with the jail may pass; a script or an input that it does not take stays so.
fn unstarted(error: sandbox::Error) -> Trouble {
    let (code, reason) = (error.code(), error.to_string());
    match error {
        sandbox::Error::TooLong { .. } | sandbox::Error::Inexact { .. } | sandbox::Error::Script(_) => {
            Trouble::Unfit { code, reason }
        }
        sandbox::Error::Spawn { .. }
        | sandbox::Error::Unavailable
        | sandbox::Error::Over
        | sandbox::Error::Io { .. }
        | sandbox::Error::NotInFlight { .. } => Trouble::Jail { reason },
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
