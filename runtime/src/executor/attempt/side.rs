//! The side of an attempt that makes the calls, and what it says.

use std::collections::BTreeMap;

use intents::Timestamp;
use intents::canonical;
use intents::failure::Class;
use intents::journal::LogLine;
use intents::outcome::{Failure, Outcome};
use sandbox::FromScript;
use serde_json::{Value, json};

use super::Ending;
use super::evidence::evidence_of;
use crate::executor::call::Leaving;
use crate::executor::outside::{Asked, End, Holder, NewStep, Over, Waiting};
use crate::store::NewWait;

/// Who makes the calls of an attempt.
pub(super) enum Side {
    /// A script in a process of its own.
    Jailed(sandbox::Attempt),
    /// An engine outside.
    Outside {
        /// Our end of its lease.
        holder: Holder,
        /// How long the outcome of one call may be.
        outcome_bytes: u32,
    },
}

/// What that side says.
pub(super) enum Said {
    /// It makes a call that no record answers.
    Call(Leaving),
    /// It wrote a line to the run's log.
    Logged(LogLine),
    /// Everything that was sent has been delivered, and only answers can move it.
    Idle { delivered: u32 },
    /// It has come to its result.
    Finished { result: Value },
    /// It cannot go on.
    Failed { failure: Failure, evidence: Value },
    /// An engine outside begins.
    Started { says: Option<String> },
    /// An engine outside marks its progress.
    Step(NewStep),
    /// An engine outside cannot go on for a reason that may go away.
    GaveUp { failure: Failure },
    /// An engine outside gives the run back.
    Released,
    /// An engine outside is not heard of any more.
    Lost,
}

impl Side {
    /// Waits for the next thing that it says. May be dropped and asked again; nothing is lost.
    pub(super) async fn next(&mut self) -> Said {
        match self {
            Self::Jailed(script) => said(script.next().await),
            Self::Outside { holder, .. } => asked(holder.next().await),
        }
    }

    /// Gives it the outcome of a call.
    pub(super) async fn answer(&mut self, call: u32, outcome: &Outcome, at: Timestamp) -> Result<(), sandbox::Error> {
        match self {
            Self::Jailed(script) => script.answer(call, outcome, at).await,
            Self::Outside { holder, outcome_bytes } => {
                bounded(outcome, *outcome_bytes)?;
                holder.answer(call, outcome);
                Ok(())
            }
        }
    }

    /// Ends it: nothing that it says from now on is heard.
    pub(super) fn kill(&mut self) {
        match self {
            Self::Jailed(script) => script.kill(),
            Self::Outside { holder, .. } => holder.silence(),
        }
    }

    /// Our end of the lease, when an engine outside makes the calls.
    pub(super) fn holder(&mut self) -> Option<&mut Holder> {
        match self {
            Self::Jailed(_) => None,
            Self::Outside { holder, .. } => Some(holder),
        }
    }

    /// Tells an engine outside what the run is going to sleep on.
    pub(super) fn sleeps_on(&mut self, waits: &BTreeMap<u32, NewWait>) {
        if let Some(holder) = self.holder() {
            holder.waits(waits.iter().map(|(call, wait)| (*call, waiting(wait))).collect());
        }
    }

    /// Tells an engine outside how its lease has ended.
    pub(super) fn ended(&mut self, ending: Ending) {
        let Some(holder) = self.holder() else { return };
        let over = match ending {
            Ending::Over(phase) => Over::Ended { phase, failure: None },
            Ending::Asleep => Over::Asleep,
            Ending::Overtaken => Over::Overtaken,
            Ending::NotReady => Over::NotReady,
            Ending::Parked if holder.has_released() => Over::GivenBack,
            Ending::Parked => Over::Stopped,
        };
        holder.over(over);
    }
}

fn said(message: FromScript) -> Said {
    match message {
        FromScript::Call { call, tool, arguments, key, optional } => {
            Said::Call(Leaving { call, id: None, tool, arguments, key, optional })
        }
        FromScript::Log { line, level, text, at } => Said::Logged(LogLine { line, level, text, at }),
        FromScript::Idle { delivered } => Said::Idle { delivered },
        FromScript::Finished { result } => match serde_json::from_str(&result) {
            Ok(result) => Said::Finished { result },
            Err(_) => internal("SCRIPT_RESULT_UNSOUND", "the result is no JSON"),
        },
        FromScript::Failed(_) | FromScript::Limit(_) | FromScript::Differs(_) | FromScript::Crashed { .. } => {
            let failure = message.failure().unwrap_or_else(|| {
                Failure::new(Class::Unknown, "SANDBOX_CRASHED", "the attempt ended for no reason it gave")
            });
            Said::Failed { failure, evidence: evidence_of(&message) }
        }
        FromScript::Killed => internal("SANDBOX_CRASHED", "the attempt was killed from outside"),
    }
}

fn internal(code: &str, message: &str) -> Said {
    Said::Failed { failure: Failure::new(Class::Internal, code, message), evidence: json!({}) }
}

fn asked(asked: Asked) -> Said {
    match asked {
        Asked::Start { says } => Said::Started { says },
        Asked::Call(leaving) => Said::Call(leaving),
        Asked::Step(step) => Said::Step(step),
        Asked::Idle { delivered } => Said::Idle { delivered },
        Asked::End(End::Completed { result }) => Said::Finished { result },
        Asked::End(End::Failed { failure, details }) => {
            Said::Failed { failure, evidence: json!({ "details": details }) }
        }
        Asked::End(End::GaveUp { failure }) => Said::GaveUp { failure },
        Asked::End(End::Released) => Said::Released,
        Asked::Lost => Said::Lost,
    }
}

/// An engine outside is given no more at once, and no other numbers, than a script.
fn bounded(outcome: &Outcome, bytes_max: u32) -> Result<(), sandbox::Error> {
    let value = match outcome {
        Outcome::Value(value) => value,
        Outcome::Refused(refusal) => &refusal.data,
        Outcome::Skipped { .. } => &Value::Null,
    };
    if let Some(path) = canonical::first_inexact(value) {
        return Err(sandbox::Error::Inexact { path });
    }
    if canonical::to_string(value).len() > bytes_max as usize {
        return Err(sandbox::Error::TooLong { what: "the outcome of a call", limit: u64::from(bytes_max) });
    }
    Ok(())
}

fn waiting(wait: &NewWait) -> Waiting {
    let nothing = Waiting { kind: "time", until: None, event: None, asks: None };
    match wait {
        NewWait::Time(until) => Waiting { until: Some(*until), ..nothing },
        NewWait::Event { name, until, .. } => {
            Waiting { kind: "event", until: *until, event: Some(name.clone()), ..nothing }
        }
        NewWait::Approval(new) => Waiting { kind: "need", asks: Some(new.title.clone()), ..nothing },
        NewWait::Question(new) => {
            Waiting { kind: "need", until: new.until, asks: Some(new.need.title.clone()), ..nothing }
        }
        NewWait::Need(need) => Waiting { kind: "need", asks: Some(need.title.clone()), ..nothing },
        NewWait::Run { until, .. } => Waiting { kind: "run", until: Some(*until), ..nothing },
    }
}
