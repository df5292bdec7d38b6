//! Calls that the host does itself.

use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::failure::Class;
use intents::journal::Record;
use intents::label::{Label, Labels};
use intents::need::Kind as NeedKind;
use intents::outcome::{Failure, Outcome};
use serde_json::{Value, json};

use super::{Attempt, Delivery, memory};
use crate::executor::call::Admitted;
use crate::executor::context::Trouble;
use crate::executor::host::{self, HostCall, Question};
use crate::executor::wording;
use crate::store::{Decision, Message, NewNotice, NewQuestion, NewWait, Signal};

/// Questions of one run that wait at once: who is asked more answers none of them.
const QUESTIONS_MAX: usize = 20;

impl Attempt {
    pub(super) async fn host_call(&mut self, admitted: &Arc<Admitted>) -> Result<(), Trouble> {
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
            HostCall::Ask(question) => self.ask(admitted, &question, now).await?,
            HostCall::StateGet { key } => {
                let (value, labels) = match self.overlay.written(&key) {
                    Some(value) => (value, Labels::new()),
                    None => {
                        let (store, automation) = (&self.services.store, self.context.automation.id);
                        let versioned = match self.context.run.shadow {
                            None => store.state(automation, &key).await?,
                            Some(shadow) => store.state_in_shadow(automation, shadow, &key).await?,
                        };
                        self.overlay.saw(&key, versioned.version);
                        self.unsaved.push(Record::StateRead { name: key, version: versioned.version });
                        (versioned.value.unwrap_or(Value::Null), versioned.labels)
                    }
                };
                self.complete(call, Outcome::Value(value), labels);
            }
            HostCall::StateSet { key, value } => match self.overlay.write(key, value) {
                Ok(()) => self.complete(call, Outcome::Value(Value::Null), Labels::new()),
                Err(failure) => self.fail(failure, json!({ "call": call })),
            },
            HostCall::Notify { title, text, level } => {
                let outcome = Arc::new(Outcome::Value(Value::Null));
                let at = self.note_outcome(call, Arc::clone(&outcome), Labels::new());
                let automation = self.context.automation.id;
                let message = self.message(admitted);
                let labels = self.labels.clone();
                let notice =
                    NewNotice { progress: self.unsaved.take(), message, automation, level, title, text, labels };
                let ticket = self.services.store.notify(notice).await?;
                self.deliveries.push_back(Delivery { call, outcome, at, saved: Some(ticket) });
            }
            HostCall::Emit { name, data } => {
                let outcome = Arc::new(Outcome::Value(Value::Null));
                let at = self.note_outcome(call, Arc::clone(&outcome), Labels::new());
                let message = self.message(admitted);
                let labels = self.labels.clone();
                let signal = Signal { progress: self.unsaved.take(), message, name, data, labels };
                let ticket = self.services.store.emit(signal).await?;
                self.deliveries.push_back(Delivery { call, outcome, at, saved: Some(ticket) });
            }
        }
        Ok(())
    }

    /// Asks the person, unless the same was asked for the same item before, and answered.
    async fn ask(&mut self, admitted: &Arc<Admitted>, question: &Question, now: Timestamp) -> Result<(), Trouble> {
        let call = admitted.call;
        // Nobody is asked for the sake of a shadow.
        if self.context.run.shadow.is_some() {
            self.complete(call, question.lapsed(), Labels::new());
            return Ok(());
        }
        let (like, before) = self.alike(admitted);
        let (automation, item) = (self.context.automation.id, self.context.run.item);
        let dedupe_key = format!("{}:{automation}:{item}:{like}:{before}", NeedKind::Decide);
        let is_over = question.until().is_some_and(|until| until <= now);
        match self.services.store.decision(&dedupe_key, self.context.run.id).await? {
            Decision::Made(choice) => {
                self.complete(call, question.outcome_of(choice), Labels::new());
                return Ok(());
            }
            Decision::Unasked if is_over => {
                self.complete(call, question.lapsed(), Labels::new());
                return Ok(());
            }
            // Whose time is over is answered by the clock, and not past it.
            Decision::Unasked | Decision::Open => {}
        }
        if self.sleeping.values().filter(|wait| matches!(wait, NewWait::Question(_))).count() >= QUESTIONS_MAX {
            let message = format!("a run asks at most {QUESTIONS_MAX} questions at once");
            self.fail(Failure::new(Class::Limit, "LIMIT_QUESTIONS", message), json!({ "call": call }));
        } else {
            let need = wording::question(&self.context, call, question, dedupe_key);
            let asked = NewQuestion { need, until: question.until() };
            self.sleeping.insert(call, NewWait::Question(Box::new(asked)));
        }
        Ok(())
    }

    /// What makes two messages alike, and how many were just like this one before.
    fn alike(&mut self, admitted: &Admitted) -> (Digest, usize) {
        let like = memory::like(admitted.definition.name.as_str(), admitted.arguments.canonical());
        self.said.insert(admitted.call, like);
        let before = self.said.iter().filter(|(call, said)| **call < admitted.call && **said == like).count();
        (like, before)
    }

    /// What makes a message one: its run, its tool, its arguments, and how many were just like it before.
    pub(super) fn message(&mut self, admitted: &Admitted) -> Message {
        let (like, before) = self.alike(admitted);
        let run = self.context.run.id.to_string();
        let digest = Digest::of_parts(
            "steward message 1",
            &[run.as_bytes(), like.as_bytes(), &u64::try_from(before).unwrap_or(u64::MAX).to_be_bytes()],
        );
        Message { call: admitted.call, digest }
    }

    pub(super) async fn wait_for(
        &mut self,
        call: u32,
        event: String,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let taken = self.events_taken.get(&event).copied().unwrap_or(0);
        let found = self.services.store.signal_since(&event, self.context.run.id, taken).await?;
        match found {
            Some((data, mut labels)) => {
                labels.insert(Label(format!("event:{event}")));
                self.events_taken.insert(event.clone(), taken + 1);
                self.complete(call, host::came(&event, data), labels);
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
}
