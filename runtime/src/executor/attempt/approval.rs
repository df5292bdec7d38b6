//! What the gate leaves open until the commit: counters, and a person's yes. What the yes is bound to, what the person is
//! shown, and what the script learns of a no.

use std::sync::Arc;

use connectors::Fault;
use intents::approval::{Binding, Content, LIFE_DEFAULT};
use intents::failure::Class;
use intents::gate;
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};
use serde_json::{Value, json};

use super::fault::within;
use super::{Attempt, Landing};
use crate::executor::answers::not_approved;
use crate::executor::call::{Admitted, Kind};
use crate::executor::context::Trouble;
use crate::executor::wording;
use crate::store;
use crate::store::{Blocked, Envelope, Ground, NewApproval, NewWait, Passing, TakePlace};
use crate::telemetry::metrics::GateVerdict;

impl Attempt {
    /// Everything that, were it another, would make the effect another.
    fn binding(&self, admitted: &Admitted) -> Result<Binding, Trouble> {
        let context = &self.context;
        let mut contracts = vec![context.run.contract];
        if context.current.is_some() {
            contracts.push(context.automation.contract);
        }
        let contents = self.contents.get(&admitted.call).map(|contents| contents.to_vec()).unwrap_or_default();
        Ok(Binding {
            run: context.run.id,
            effect: admitted.key(context).identity(context.automation.id, &admitted.definition.name),
            connection: admitted.passed.connection.as_ref().map(ToString::to_string),
            definition: self.services.tools.schemas(&admitted.definition)?.definition,
            arguments: admitted.arguments_digest(),
            contents,
            contracts,
            script: context.run.script,
        })
    }

    /// What the store needs to conclude.
    pub(super) fn passing(&self, admitted: &Admitted) -> Result<Passing, Trouble> {
        Ok(Passing { passed: admitted.passed.clone(), binding: self.binding(admitted)? })
    }

    /// Looks at the content of the files that a person may be asked about. Says whether there is anything to look at.
    pub(super) fn look_at_contents(&mut self, admitted: &Arc<Admitted>) -> bool {
        let Kind::Effect(effect) = &admitted.kind else { return false };
        if !admitted.passed.may_ask() {
            return false;
        }
        let now = self.services.env.now();
        let call = admitted.for_tool(&self.context, &self.labels, None, now, now);
        let (tool, env, id) = (Arc::clone(&effect.tool), self.services.env.clone(), admitted.call);
        self.droppable.push(Box::pin(async move {
            let look = async { tool.contents(&call).await.map_err(nothing_done) };
            let looked = within(&env, call.deadline, Class::Internal, look).await;
            (id, Landing::Looked(looked.map_err(|fault| fault.failure)))
        }));
        true
    }

    /// Takes the places of a call that is no effect. A read that is made again for another call is named by both.
    pub(super) async fn take_place(&mut self, admitted: &Arc<Admitted>, reread: Option<u32>) -> Result<(), Trouble> {
        let run = &self.context.run;
        let call = format!("{}/{}/{}", run.id, run.generation, admitted.call);
        let name = reread.map_or_else(|| call.clone(), |of| format!("{call}/{of}"));
        let place = match &admitted.kind {
            // Told again, it is told once.
            Kind::Host => name.clone(),
            Kind::Read(_) | Kind::Effect(_) | Kind::Shadowed { .. } => {
                self.places += 1;
                format!("{name}#{}.{}", self.number, self.places)
            }
        };
        let take = TakePlace {
            passing: self.passing(admitted)?,
            progress: self.unsaved.take(),
            automation: self.context.automation.id,
            name,
            place,
        };
        let ticket = self.services.store.take_place(take).await?;
        let (id, admitted) = (admitted.call, Arc::clone(admitted));
        self.flights.push(Box::pin(async move { (id, Landing::Taken { admitted, reread, taken: ticket.await }) }));
        Ok(())
    }

    /// The places of a call are taken, or something keeps it from being made.
    pub(super) async fn taken(
        &mut self,
        admitted: &Arc<Admitted>,
        reread: Option<u32>,
        taken: Result<Option<Blocked>, store::Error>,
    ) -> Result<(), Trouble> {
        match taken {
            Ok(_) if self.end.is_some() => Ok(()),
            Ok(None) => match reread {
                None => self.go_ahead(admitted).await,
                Some(of) => {
                    self.read_again(admitted, of);
                    Ok(())
                }
            },
            Ok(Some(blocked)) => self.blocked(admitted, blocked),
            Err(store::Error::Conflict { code: "LIMIT_JOURNAL", reason }) => {
                self.fail(Failure::new(Class::Limit, "LIMIT_JOURNAL", reason), json!({}));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The gate does not let the call be made now.
    pub(super) fn blocked(&mut self, admitted: &Arc<Admitted>, blocked: Blocked) -> Result<(), Trouble> {
        match blocked {
            Blocked::Wait { until } => {
                self.services.meter.verdict(GateVerdict::Wait);
                self.sleeping.insert(admitted.call, NewWait::Time(until));
            }
            Blocked::Skip { clause } => {
                self.services.meter.verdict(GateVerdict::Skip);
                self.complete(admitted.call, Outcome::Skipped { clause }, Labels::new());
            }
            Blocked::Ask { grounds } => {
                self.services.meter.verdict(GateVerdict::Ask);
                let question = self.question(admitted, grounds)?;
                self.sleeping.insert(admitted.call, NewWait::Approval(Box::new(question)));
            }
            Blocked::NotApproved(no) => {
                self.complete(admitted.call, not_approved(no.because, no.reason.as_deref()), Labels::new());
            }
        }
        Ok(())
    }

    /// The question that is put to the person: about an envelope where every clause offers one, else about the call.
    fn question(&self, admitted: &Admitted, grounds: Vec<gate::Ground>) -> Result<NewApproval, Trouble> {
        let binding = self.binding(admitted)?;
        let offered = grounds.iter().all(|ground| ground.envelope.is_some());
        let asked = if offered { &grounds[..1] } else { &grounds[..] };
        let offer = asked.first().and_then(|ground| ground.envelope.as_ref()).filter(|_| offered);
        let passed = &admitted.passed;
        let rows = passed.rows.iter().map(|row| json!({ "name": row.name.to_string(), "row": row.value }));
        let shown = json!({
            "tool": admitted.definition.name.as_str(),
            "does": admitted.definition.summary,
            "key": admitted.given_key.as_ref().map(ToString::to_string),
            "arguments": admitted.arguments.value(),
            "covers": offer.map(|offer| &offer.words),
            "account": binding.connection,
            "files": binding.contents,
            "rows": rows.collect::<Vec<_>>(),
            "data_from": self.labels,
            "allowed_by": passed.clause.words,
        });
        Ok(NewApproval {
            automation: self.context.automation.id,
            call: admitted.call,
            tool: admitted.definition.name.clone(),
            binding,
            grounds: asked.iter().map(ground).collect(),
            envelope: offer.map(|offer| Envelope {
                subject: offer.subject,
                at_most: offer.at_most,
                valid_for: offer.valid_for,
            }),
            life: LIFE_DEFAULT,
            title: wording::approval_title(&self.context, admitted),
            shown: exact(shown),
        })
    }

    /// The content that a person said yes to, as the tool must find it.
    pub(super) fn approved(&self, call: u32) -> Option<Arc<[Content]>> {
        self.contents.get(&call).cloned()
    }
}

/// Members that say nothing are left out: the person has enough to read.
fn exact(mut shown: Value) -> Value {
    if let Value::Object(members) = &mut shown {
        members.retain(|_, value| !value.is_null() && *value != json!([]));
    }
    shown
}

fn ground(ground: &gate::Ground) -> Ground {
    Ground { subject: ground.subject, words: ground.words.clone() }
}

fn nothing_done(failure: Failure) -> Fault {
    Fault { failure, proves_nothing_done: true }
}
