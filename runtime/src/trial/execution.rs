//! One execution of a script in a simulated world: the real jail, the real gate, the real keys.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use connectors::Tool;
use intents::Timestamp;
use intents::canonical::Digest;
use intents::failure::Class;
use intents::gate::{self, Circumstances, Conclusion, Consent, Verdict};
use intents::journal::{Called, LogLine, Record, recorded};
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};
use intents::tool::Name;
use sandbox::{FromScript, Start};
use serde_json::Value;

use super::bench::Bench;
use super::host_calls::failed;
use super::journal::Journal;
use super::memory::Memory;
use super::outside::{self, Outside};
use super::plan::{Clash, Denied, Done, End, Mishap, Moment, Plan, Turn};
use super::settling::refused;
use crate::executor::Trouble;
use crate::executor::answers::{not_approved, stale};
use crate::executor::call::{self, Leaving, Wish};
use crate::executor::host::Overlay;
use crate::store::Because;

/// How long a call takes.
const CALL_TAKES: Duration = Duration::from_millis(250);
/// How long a person takes to say yes.
const YES_AFTER: Duration = Duration::from_secs(60);
/// How often the gate is asked about one call: waits end, rows are read again, a person says yes. More is no progress.
const DECISIONS_MAX: u32 = 16;
/// Calls of one execution. A script that makes more is not tried exhaustively in any time.
const CALLS_MAX: u32 = 500;

/// A call on its way.
pub(super) struct Trying {
    pub(super) wish: Wish,
    pub(super) tool: Option<Arc<dyn Tool>>,
    pub(super) made_at: Timestamp,
}

/// What a step of a call comes to.
pub(super) enum Step {
    /// The script gets this.
    Outcome(Outcome, Labels),
    /// The gate is asked again, and nothing goes wrong any more.
    Again,
    /// The run fails.
    Fails(Failure),
    /// The gate refuses it.
    Denied,
}

/// A read, as the gate looks at it.
struct Earlier {
    call: u32,
    tool: Name,
    arguments: Value,
    value: Value,
    at: Timestamp,
}

/// One execution.
pub(super) struct Execution<'b, 'm> {
    pub(super) bench: &'b Bench,
    pub(super) plan: Plan<'b>,
    pub(super) memory: &'m mut Memory,
    pub(super) journal: Journal,
    pub(super) outside: Outside<'b>,
    pub(super) overlay: Overlay,
    pub(super) now: Timestamp,
    pub(super) clashes: Vec<Clash>,
    /// Effects that this execution has started.
    pub(super) started_here: BTreeSet<Digest>,
    reads: Vec<Earlier>,
    labels: Labels,
    denied: Vec<Denied>,
    moments: Vec<Moment>,
}

/// Executes a script once.
pub(super) async fn execute<'b>(bench: &'b Bench, memory: &mut Memory, plan: Plan<'b>) -> Result<Done, Trouble> {
    let overlay = Overlay::from_records(&plan.journal);
    let execution = Execution {
        journal: Journal::from(plan.journal.clone(), plan.at),
        outside: Outside::new(plan.case, plan.twist, &plan.journal),
        now: plan.now,
        clashes: Vec::new(),
        started_here: BTreeSet::new(),
        reads: read_before(&plan.journal),
        labels: labels_before(&plan.journal),
        denied: Vec::new(),
        moments: Vec::new(),
        bench,
        plan,
        memory,
        overlay,
    };
    execution.go().await
}

fn read_before(records: &[Record]) -> Vec<Earlier> {
    let calls = recorded(records).into_iter();
    calls
        .filter_map(|call| {
            let settled = call.settled?;
            let Outcome::Value(value) = settled.outcome.as_ref() else { return None };
            let arguments = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
            let (call, tool) = (call.called.call, call.called.tool);
            Some(Earlier { call, tool, arguments, value: value.clone(), at: settled.at })
        })
        .collect()
}

fn labels_before(records: &[Record]) -> Labels {
    let mut labels = Labels::new();
    for record in records {
        if let Record::Settled { labels: read, .. } = record {
            labels.extend(read.iter().cloned());
        }
    }
    labels
}

impl Execution<'_, '_> {
    async fn go(mut self) -> Result<Done, Trouble> {
        let input = self.plan.twist.input(&self.plan.case.input);
        if self.journal.records.is_empty() {
            let (pins, seed) = (self.bench.pins.clone(), self.plan.seed);
            self.journal.records.push(Record::Began { pins, at: self.plan.at, seed, input: input.clone() });
            self.moment();
        }
        let logged = self.journal.records.iter().filter(|record| matches!(record, Record::Logged(_))).count();
        let start = Start {
            script: self.bench.script.clone(),
            name: Bench::script_name().to_owned(),
            input,
            at: self.plan.at,
            seed: *self.plan.seed.as_bytes(),
            replay: recorded(&self.journal.records),
            tools: self.bench.granted.clone(),
            logged: u32::try_from(logged).unwrap_or(u32::MAX),
        };
        let jail = |error: sandbox::Error| Trouble::Jail { reason: error.to_string() };
        let mut attempt = self.bench.jail.attempt(start, self.bench.limits.clone()).await.map_err(jail)?;
        let (mut waiting, mut sent) = (VecDeque::new(), 0);
        let end = loop {
            match attempt.next().await {
                FromScript::Call { call, tool, arguments, key, optional } => {
                    waiting.push_back(Leaving { call, id: None, tool, arguments, key, optional });
                    if let Some(end) = self.called(&waiting)? {
                        break end;
                    }
                }
                FromScript::Log { line, level, text, at } => {
                    self.journal.records.push(Record::Logged(LogLine { line, level, text, at }));
                }
                FromScript::Idle { delivered } if delivered < sent => {}
                FromScript::Idle { .. } => {
                    let next = match self.plan.turn {
                        Turn::First => waiting.pop_front(),
                        Turn::Last => waiting.pop_back(),
                    };
                    let Some(leaving) = next else { break End::Failed(failed(Class::Logic, "SCRIPT_DEADLOCK")) };
                    match self.make(&leaving)? {
                        Ok((outcome, at)) => {
                            if let Err(error) = attempt.answer(leaving.call, &outcome, at).await {
                                break End::Failed(Failure::new(error.class(), error.code(), error.to_string()));
                            }
                            sent += 1;
                        }
                        Err(end) => break end,
                    }
                }
                FromScript::Finished { result } => {
                    break End::Finished { result: serde_json::from_str(&result).unwrap_or(Value::Null) };
                }
                message @ (FromScript::Failed(_)
                | FromScript::Limit(_)
                | FromScript::Differs(_)
                | FromScript::Killed
                | FromScript::Crashed { .. }) => {
                    break End::Failed(message.failure().unwrap_or_else(|| failed(Class::Internal, "SANDBOX_CRASHED")));
                }
            }
        };
        attempt.kill();
        Ok(self.done(end))
    }

    fn done(mut self, end: End) -> Done {
        let (result, failure) = match &end {
            End::Finished { result } => (Some(result.clone()), None),
            End::Failed(failure) => (None, Some(failure.clone())),
            End::Denied => (None, None),
        };
        if end != End::Denied {
            self.journal.records.push(Record::Ended { result, failure, at: self.now });
        }
        if matches!(end, End::Finished { .. }) {
            self.memory.commit(std::mem::take(&mut self.overlay).writes());
        }
        Done {
            records: self.journal.records,
            end,
            generated: self.outside.generated,
            assumed: self.outside.assumed,
            denied: self.denied,
            clashes: self.clashes,
            moments: self.moments,
            now: self.now,
        }
    }

    /// Keeps what is there now, where somebody may die.
    pub(super) fn moment(&mut self) {
        if self.plan.watched {
            let records = self.journal.records.len();
            self.moments.push(Moment { records, memory: self.memory.clone(), now: self.now });
        }
    }

    /// Notes the call that came last.
    fn called(&mut self, waiting: &VecDeque<Leaving>) -> Result<Option<End>, Trouble> {
        let Some(leaving) = waiting.back() else { return Ok(None) };
        if leaving.call >= CALLS_MAX {
            return Ok(Some(End::Failed(failed(Class::Limit, "LIMIT_CALLS"))));
        }
        let Ok(tool) = leaving.tool.parse::<Name>() else { return Ok(None) };
        let new = self.journal.called(Called {
            call: leaving.call,
            tool_version: self.bench.tools.definition(&tool).map_or(0, |definition| definition.version),
            tool,
            arguments: leaving.arguments.clone(),
            key: leaving.key.as_deref().and_then(|key| call::parse_key(key).ok()),
            optional: leaving.optional,
            verdict: String::new(),
            at: self.now,
        });
        if new {
            self.moment();
        }
        Ok(None)
    }

    /// Makes a call; gives its outcome with the logical time from there on, or what ends the run.
    fn make(&mut self, leaving: &Leaving) -> Result<Result<(Arc<Outcome>, Timestamp), End>, Trouble> {
        let wish = match call::understand(&self.bench.tools, leaving)? {
            Ok(wish) => wish,
            Err(refused) => return Ok(Err(End::Failed(refused.failure))),
        };
        let made_at = self.journal.records.iter().find_map(|record| match record {
            Record::Called(called) if called.call == leaving.call => Some(called.at),
            Record::Called(_)
            | Record::Began { .. }
            | Record::Settled { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => None,
        });
        let trying = Trying { tool: wish.tool.clone(), wish, made_at: made_at.unwrap_or(self.now) };
        self.now = self.now + CALL_TAKES;
        let mut mishap = self.plan.mishap.clone().filter(|(call, _)| *call == leaving.call).map(|(_, mishap)| mishap);
        let step = loop {
            match self.decide(&trying, mishap.as_ref()) {
                Step::Again => mishap = None,
                step @ (Step::Outcome(..) | Step::Fails(_) | Step::Denied) => break step,
            }
        };
        Ok(match step {
            Step::Outcome(outcome, labels) => {
                self.keep_read(&trying, &outcome);
                self.labels.extend(labels.iter().cloned());
                let outcome = Arc::new(outcome);
                let at = self.journal.settled(leaving.call, Arc::clone(&outcome), labels, self.now);
                self.moment();
                Ok((outcome, at))
            }
            Step::Fails(failure) => Err(End::Failed(failure)),
            Step::Denied | Step::Again => Err(End::Denied),
        })
    }

    fn keep_read(&mut self, trying: &Trying, outcome: &Outcome) {
        if let Outcome::Value(value) = outcome {
            self.reads.push(Earlier {
                call: trying.wish.call,
                tool: trying.wish.definition.name.clone(),
                arguments: trying.wish.arguments.value().clone(),
                value: value.clone(),
                at: self.now,
            });
        }
    }

    /// Asks the gate as often as it takes, and does what it says.
    fn decide(&mut self, trying: &Trying, mishap: Option<&Mishap>) -> Step {
        match mishap {
            Some(Mishap::Ends(failure)) => return Step::Fails(failure.clone()),
            Some(Mishap::Later { ms }) => {
                self.now = self.now + Duration::from_millis(*ms);
                return Step::Again;
            }
            Some(Mishap::Stale) => return Step::Outcome(stale("in a trial"), Labels::new()),
            Some(Mishap::NotApproved) => return Step::Outcome(not_approved(Because::Refused, None), Labels::new()),
            Some(Mishap::Skipped) => {
                return Step::Outcome(Outcome::Skipped { clause: "in a trial".to_owned() }, Labels::new());
            }
            Some(Mishap::Unavailable) => return Step::Outcome(refused("unavailable"), Labels::new()),
            Some(Mishap::Refused { .. } | Mishap::Uncertain { .. }) | None => {}
        }
        let mut reread = Vec::new();
        let mut consent = Consent::default();
        for _ in 0..DECISIONS_MAX {
            let passed = match self.verdict(trying, &reread) {
                Verdict::Deny { reasons } => return self.deny(trying, &reasons),
                Verdict::Stale { clause, .. } => return Step::Outcome(stale(&clause), Labels::new()),
                Verdict::NeedsFreshRead { call, .. } => {
                    self.read_again(call);
                    reread.push(call);
                    continue;
                }
                Verdict::Pass(passed) => passed,
            };
            let (_, by) = self.identity(trying);
            let taken = self.memory.taken(&passed.counters, by);
            match passed.conclude(&taken, &consent, self.now) {
                Conclusion::Wait { until, .. } => {
                    self.now = self.now.max(until) + CALL_TAKES;
                    reread.clear();
                }
                Conclusion::Skip { clause } => return Step::Outcome(Outcome::Skipped { clause }, Labels::new()),
                Conclusion::NeedsApproval { grounds } => {
                    self.now = self.now + YES_AFTER;
                    consent.grounds.extend(grounds.iter().map(|ground| ground.subject));
                    reread.clear();
                }
                Conclusion::Allow { takes, .. } => {
                    let step = self.carry_out(trying, mishap);
                    // What did not happen takes no place.
                    if matches!(step, Step::Outcome(Outcome::Value(_), _)) {
                        self.memory.take(&takes, by, self.now);
                    }
                    return step;
                }
            }
        }
        Step::Fails(failed(Class::Limit, "LIMIT_ATTEMPT"))
    }

    fn verdict(&self, trying: &Trying, reread: &[u32]) -> Verdict {
        let reads: Vec<_> = self
            .reads
            .iter()
            .map(|read| gate::Read {
                call: read.call,
                tool: &read.tool,
                arguments: &read.arguments,
                value: &read.value,
                at: read.at,
            })
            .collect();
        let circumstances = Circumstances { now: self.now, major: 1, reads: &reads, reread, labels: &self.labels };
        let wish = &trying.wish;
        let call = gate::Call {
            definition: &wish.definition,
            arguments: wish.arguments.value(),
            key: wish.given_key.as_ref(),
        };
        gate::decide(&self.bench.contract, &call, &circumstances)
    }

    fn deny(&mut self, trying: &Trying, reasons: &[gate::Reason]) -> Step {
        self.denied.push(Denied {
            call: trying.wish.call,
            tool: trying.wish.definition.name.clone(),
            is_effect: trying.wish.definition.is_effect(),
            code: reasons.first().map_or("GATE_TOOL_NOT_GRANTED", |reason| reason.code).to_owned(),
        });
        Step::Denied
    }

    /// A row that a call is bound to is read again: in a simulation it is as it was.
    fn read_again(&mut self, call: u32) {
        let Some(earlier) = self.reads.iter().find(|read| read.call == call) else { return };
        let again = Earlier {
            call,
            tool: earlier.tool.clone(),
            arguments: earlier.arguments.clone(),
            value: earlier.value.clone(),
            at: self.now,
        };
        self.reads.push(again);
    }

    fn carry_out(&mut self, trying: &Trying, mishap: Option<&Mishap>) -> Step {
        let wish = &trying.wish;
        if trying.tool.is_none() {
            return self.host_call(trying, mishap);
        }
        if wish.definition.is_effect() {
            return self.effect(trying, mishap);
        }
        if let Some(Mishap::Refused { code }) = mishap {
            return Step::Outcome(refused(code), Labels::new());
        }
        let outcome = self.outside.read(self.bench, &wish.definition, wish.arguments.canonical());
        Step::Outcome(outcome, outside::labels(&wish.definition, wish.arguments.value()))
    }
}

/// What a script could be seen doing after a call: its calls, its words, its end.
pub(super) fn visible_after(records: &[Record], call: u32) -> Vec<String> {
    let mut seen = Vec::new();
    let mut settled = false;
    for record in records {
        match record {
            Record::Settled { call: of, .. } => settled |= *of == call,
            Record::Called(called) if settled => {
                let key = called.key.as_ref().map(ToString::to_string).unwrap_or_default();
                seen.push(format!("{} {} {key}", called.tool, called.arguments));
            }
            Record::Logged(line) if settled => seen.push(line.text.clone()),
            Record::Ended { result, failure, .. } => {
                let failure = failure.as_ref().map(|failure| failure.code.as_str());
                seen.push(format!("{result:?} {failure:?}"));
            }
            Record::Called(_)
            | Record::Logged(_)
            | Record::Began { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Outside(_) => {}
        }
    }
    seen
}

/// The calls of a journal, by number.
pub(super) fn calls_of(records: &[Record]) -> BTreeMap<u32, Called> {
    recorded(records).into_iter().map(|call| (call.called.call, call.called)).collect()
}
