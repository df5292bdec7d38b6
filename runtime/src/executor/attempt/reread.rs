//! Rows that calls are bound to: what the run has read, and reads that are made again since they are too old.
//!
//! A read that is made again is journaled as such, with the number of the call that it repeats. It takes no number and no
//! place in the order of outcomes, and it does not move the script's time: a replay does not need it, and the script never
//! sees it. What it led to is in the journal before the effect that relied on it begins.

use std::sync::Arc;

use connectors::{Fault, Performed};
use intents::Timestamp;
use intents::contract::Contract;
use intents::failure::Class;
use intents::gate::{self, Verdict};
use intents::journal::{Record, recorded};
use intents::outcome::{Failure, Outcome};
use intents::tool::Name;
use serde_json::{Value, json};

use super::{Attempt, Landing, files};
use crate::env::FaultPoint;
use crate::executor::answers::stale;
use crate::executor::call::{self, Admitted, Kind, Leaving, Wish};
use crate::executor::context::Trouble;

/// Something that the run has read.
pub(super) struct Earlier {
    pub(super) call: u32,
    tool: Name,
    arguments: Arc<Value>,
    value: Arc<Value>,
    pub(super) at: Timestamp,
}

/// Whether any clause looks at rows, so that what was read must be kept at hand.
pub(super) fn binds(contract: &Contract) -> bool {
    contract.capabilities().iter().any(|capability| !capability.bind.is_empty())
}

/// What the journal says was read.
pub(super) fn read_before(records: &[Record]) -> Vec<Earlier> {
    let mut reads = Vec::new();
    for call in recorded(records) {
        let Some(settled) = call.settled else { continue };
        let Outcome::Value(value) = settled.outcome.as_ref() else { continue };
        let arguments = serde_json::from_str(&call.called.arguments).unwrap_or(Value::Null);
        reads.push(Earlier {
            call: call.called.call,
            tool: call.called.tool,
            arguments: Arc::new(arguments),
            value: Arc::new(value.clone()),
            at: settled.at,
        });
    }
    for record in records {
        if let Record::Reread { call, outcome: Outcome::Value(value), at, .. } = record
            && let Some(first) = reads.iter().find(|read| read.call == *call)
        {
            let (tool, arguments) = (first.tool.clone(), Arc::clone(&first.arguments));
            reads.push(Earlier { call: *call, tool, arguments, value: Arc::new(value.clone()), at: *at });
        }
    }
    reads
}

impl Attempt {
    /// What the gate says about a call now.
    pub(super) fn verdict(&self, wish: &Wish) -> Verdict {
        let none = Vec::new();
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
        let circumstances = gate::Circumstances {
            now: self.services.env.now(),
            major: u32::try_from(self.context.script.major).unwrap_or(u32::MAX),
            reads: &reads,
            reread: self.reread.get(&wish.call).unwrap_or(&none),
            labels: &self.labels,
        };
        call::decide(&self.context, wish, &circumstances)
    }

    /// Keeps what a call of the script has read, where a clause may look at it.
    pub(super) fn keep_read(&mut self, admitted: &Admitted, outcome: &Outcome) {
        let Outcome::Value(value) = outcome else { return };
        if !self.binds {
            return;
        }
        self.reads.push(Earlier {
            call: admitted.call,
            tool: admitted.definition.name.clone(),
            arguments: Arc::new(admitted.arguments.value().clone()),
            value: Arc::new(value.clone()),
            at: self.read_at(admitted.call),
        });
    }

    /// Makes the read of an earlier call again, for the sake of this one. It passes the gate as any read does: it leaves
    /// with all that the run has read since.
    pub(super) async fn reread(&mut self, wish: &Wish, of: u32) -> Result<(), Trouble> {
        let Some(earlier) = self.reads.iter().find(|read| read.call == of) else {
            let failure = Failure::new(Class::Internal, "GATE_NO_ROW", "a row was read by no call");
            self.fail(failure, json!({ "call": wish.call, "row_of": of }));
            return Ok(());
        };
        let leaving = Leaving {
            call: wish.call,
            id: None,
            tool: earlier.tool.to_string(),
            arguments: intents::canonical::to_string(&earlier.arguments),
            key: None,
            optional: false,
        };
        let again = match call::understand(&self.services.tools, &leaving)? {
            Ok(again) => again,
            Err(refused) => return self.refuse(&leaving, *refused),
        };
        match self.verdict(&again) {
            Verdict::Pass(passed) => {
                let again = Arc::new(call::admit(&self.context, &again, *passed));
                if again.passed.is_free() {
                    self.read_again(&again, of);
                    return Ok(());
                }
                self.take_place(&again, Some(of)).await
            }
            Verdict::Deny { reasons } => self.refuse(&leaving, *call::denied(&again.definition, reasons)),
            // A read that is itself bound to rows that are too old: there is no end to that.
            Verdict::Stale { clause, .. } | Verdict::NeedsFreshRead { clause, .. } => {
                self.complete(wish.call, stale(&clause), intents::label::Labels::new());
                Ok(())
            }
        }
    }

    pub(super) fn read_again(&mut self, again: &Arc<Admitted>, of: u32) {
        let Kind::Read(tool) = &again.kind else { return };
        let now = self.services.env.now();
        let call = again.for_tool(&self.context, &self.labels, None, now, now);
        let (services, tool, id, again) = (self.services.clone(), Arc::clone(tool), again.call, Arc::clone(again));
        self.droppable.push(Box::pin(async move {
            let result = files::read(&services, &tool, &call).await;
            (id, Landing::Reread { again, of, result })
        }));
    }

    /// A read was made again: it is noted, and the gate decides on the call for whose sake it was.
    pub(super) async fn was_read_again(
        &mut self,
        again: &Arc<Admitted>,
        of: u32,
        result: Result<Performed, Fault>,
    ) -> Result<(), Trouble> {
        let performed = match result {
            Ok(performed) => performed,
            Err(fault) => return self.faulted(again, fault.failure, None).await,
        };
        self.services.env.reached(FaultPoint::ReadDone).await;
        if let Some(failure) = self.misshapen(again, &performed.outcome)? {
            self.fail(failure, json!({ "tool": again.definition.name.as_str() }));
            return Ok(());
        }
        let at = self.services.env.now();
        let Performed { outcome, labels } = performed;
        let outcome = match self.fitting(again, outcome).await? {
            Ok(outcome) => outcome,
            Err((failure, _, evidence)) => {
                self.fail(failure, evidence);
                return Ok(());
            }
        };
        self.labels.extend(labels.iter().cloned());
        if let Outcome::Value(value) = &outcome {
            self.reads.push(Earlier {
                call: of,
                tool: again.definition.name.clone(),
                arguments: Arc::new(again.arguments.value().clone()),
                value: Arc::new(value.clone()),
                at,
            });
        }
        self.unsaved.push(Record::Reread { call: of, by: again.call, outcome, labels, at });
        self.reread.entry(again.call).or_default().push(of);
        self.decide_again(again.call).await
    }
}
