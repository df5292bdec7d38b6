//! Calls that the host does itself, in a simulated world.

use std::time::Duration;

use intents::Timestamp;
use intents::canonical;
use intents::journal::Record;
use intents::label::{Label, Labels};
use intents::need::{Choice, Nth};
use intents::outcome::{Failure, Outcome};
use serde_json::{Value, json};

use super::execution::{Execution, Step, Trying};
use super::plan::Mishap;
use crate::executor::host::{self, HostCall, Question};

/// An event that is waited for and that nobody recorded comes after this long.
const EVENT_AFTER: Duration = Duration::from_secs(60);
/// A question is answered after this long.
const ANSWER_AFTER: Duration = Duration::from_secs(60);

impl Execution<'_, '_> {
    pub(super) fn host_call(&mut self, trying: &Trying, mishap: Option<&Mishap>) -> Step {
        let (definition, arguments) = (&trying.wish.definition, trying.wish.arguments.value());
        let host_call = match HostCall::read(definition.name.as_str(), arguments) {
            Ok(host_call) => host_call,
            Err(failure) => return Step::Fails(failure),
        };
        match host_call {
            HostCall::Sleep { ms, until } => {
                self.now = self.now.max(host::wake_at(trying.made_at, ms, until));
                nothing()
            }
            HostCall::WaitFor { event, until: Some(_) } if matches!(mishap, Some(Mishap::Refused { .. })) => {
                Step::Outcome(host::timed_out(&event), Labels::new())
            }
            HostCall::WaitFor { event, until } => self.wait_for(&event, until),
            HostCall::Ask(question) => self.ask(&question, trying, mishap),
            HostCall::StateGet { key } => {
                let value = match self.overlay.written(&key) {
                    Some(value) => value,
                    None => {
                        let (value, version) = self.memory.state(&key);
                        self.overlay.saw(&key, version);
                        self.journal.records.push(Record::StateRead { name: key, version });
                        (*value).clone()
                    }
                };
                Step::Outcome(Outcome::Value(value), Labels::new())
            }
            HostCall::StateSet { key, value } => {
                self.overlay.write(key, value).map_or_else(Step::Fails, |()| nothing())
            }
            HostCall::Notify { .. } | HostCall::Emit { .. } => {
                self.memory.told.insert(canonical::to_string(arguments));
                nothing()
            }
        }
    }

    /// A question is answered as the plan says, else as it was recorded, else with its first option.
    fn ask(&mut self, question: &Question, trying: &Trying, mishap: Option<&Mishap>) -> Step {
        self.now = self.now + ANSWER_AFTER;
        if matches!(mishap, Some(Mishap::Refused { .. })) {
            return Step::Outcome(question.outcome_of(Choice::Dismiss), Labels::new());
        }
        let (definition, asked) = (&trying.wish.definition, trying.wish.arguments.canonical());
        let recorded = self.outside.told(definition, question, asked);
        let outcome = match self.plan.answers.get(&*host::alike(definition.name.as_str(), asked)) {
            Some(nth) => question.outcome_of(Choice::Chosen(*nth)),
            None => recorded.unwrap_or_else(|| {
                self.outside.assumed += 1;
                question.outcome_of(Choice::Chosen(Nth::ALL[0]))
            }),
        };
        Step::Outcome(outcome, Labels::new())
    }

    /// A wait with an end comes to its end; one without gets an event that nobody recorded.
    fn wait_for(&mut self, event: &str, until: Option<Timestamp>) -> Step {
        match until {
            Some(until) => {
                self.now = self.now.max(until);
                Step::Outcome(host::timed_out(event), Labels::new())
            }
            None => {
                self.now = self.now + EVENT_AFTER;
                self.outside.generated += 1;
                Step::Outcome(host::came(event, json!({})), Labels::from([Label(format!("event:{event}"))]))
            }
        }
    }
}

fn nothing() -> Step {
    Step::Outcome(Outcome::Value(Value::Null), Labels::new())
}

/// The failure of a call that goes nowhere.
pub(super) fn failed(class: intents::failure::Class, code: &str) -> Failure {
    Failure::new(class, code, "in a trial")
}
