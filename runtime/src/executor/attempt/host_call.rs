//! Calls that the host does itself.

use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::journal::Record;
use intents::label::{Label, Labels};
use intents::outcome::Outcome;
use serde_json::{Value, json};

use super::{Attempt, Delivery, memory};
use crate::executor::call::Admitted;
use crate::executor::context::Trouble;
use crate::executor::host;
use crate::executor::host::HostCall;
use crate::store::{Message, NewNotice, NewWait, Signal};

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

    /// What makes a message one: its run, its tool, its arguments, and how many were just like it before.
    pub(super) fn message(&mut self, admitted: &Admitted) -> Message {
        let (tool, arguments) = (admitted.definition.name.as_str(), admitted.arguments.canonical());
        let like = memory::like(tool, arguments);
        self.said.insert(admitted.call, like);
        let before = self.said.iter().filter(|(call, said)| **call < admitted.call && **said == like).count();
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
