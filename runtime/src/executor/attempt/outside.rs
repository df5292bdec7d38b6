//! What an attempt does for an engine outside that it does for no script.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use connectors::host::ALWAYS_GRANTED;
use intents::Timestamp;
use intents::canonical;
use intents::failure::{Budget, Class, Evidence, Route, route};
use intents::journal::{Record, Recorded, Report, Step, recorded};
use intents::outcome::Failure;
use intents::tool::Definition;
use serde_json::json;

use super::Attempt;
use super::ending::End;
use crate::executor::context::{Context, Trouble};
use crate::executor::outside::{KnownCall, NewStep, Opening, digest_of_call};
use crate::executor::{Services, wording};
use crate::store::{self, NewWait};

/// Holders that one run may lose in a row, with nothing done in between: what kills every holder is in the run.
const LOST_IN_A_ROW_MAX: usize = 20;

impl Attempt {
    /// Puts the attempt on the disk, then gives the run to its holder. From there on the attempt has a number of its
    /// own, so that whoever holds the run next is told apart.
    pub(super) async fn open(&mut self) -> Result<(), Trouble> {
        let Some(holder) = self.side.holder() else { return Ok(()) };
        let token = holder.lease().token();
        let now = self.services.env.now();
        self.unsaved.push(Record::Outside(Report::Claimed { attempt: self.number, token, at: now }));
        if self.lost_in_a_row >= LOST_IN_A_ROW_MAX {
            let message = format!("{LOST_IN_A_ROW_MAX} holders in a row fell silent before they had done anything");
            self.fail(Failure::new(Class::Limit, "LIMIT_HOLDERS", message), json!({}));
            return Ok(());
        }
        if !self.save_now().await? {
            return Ok(());
        }
        let opening = opening(&self.services, &self.context, self.number, self.began_at);
        let next_call = self.unsaved.calls();
        if let Some(holder) = self.side.holder() {
            holder.open(opening, next_call);
        }
        Ok(())
    }

    pub(super) async fn started(&mut self, says: Option<String>) -> Result<(), Trouble> {
        let at = self.services.env.now();
        self.unsaved.push(Record::Outside(Report::Started { attempt: self.number, says, at }));
        if self.save_now().await?
            && let Some(holder) = self.side.holder()
        {
            holder.started();
        }
        Ok(())
    }

    pub(super) async fn step(&mut self, step: NewStep) -> Result<(), Trouble> {
        let NewStep { id, name, data } = step;
        let at = self.services.env.now();
        self.unsaved.push(Record::Outside(Report::Step(Step { id: id.clone(), name, data, at })));
        if self.save_now().await?
            && let Some(holder) = self.side.holder()
        {
            holder.marked(&id);
        }
        Ok(())
    }

    /// The engine says that it may go better later; how often and how soon is decided as for a call.
    pub(super) fn gave_up(&mut self, failure: Failure) {
        let now = self.services.env.now();
        self.unsaved.push(Record::Outside(Report::GaveUp { message: failure.message.clone(), at: now }));
        let before = self.gave_up.unwrap_or(Budget { failures: 0, first_failed_at: now });
        let budget = Budget { failures: before.failures.saturating_add(1), ..before };
        let nothing = Evidence { identity: None, started_at: now, retry_after: None, repairable: false };
        match route(Class::Transient, &nothing, budget, &self.services.transient, now) {
            Route::RetryInPlace { after } => self.finish_with(End::Asleep { on: NewWait::Time(now + after) }),
            Route::WaitThenRetry { until } => self.finish_with(End::Asleep { on: NewWait::Time(until) }),
            Route::Ask(kind) if kind.holds_run() => {
                let need = wording::for_run(&self.context, kind, &failure, json!({}));
                self.finish_with(End::Asleep { on: NewWait::Need(Box::new(need)) });
            }
            Route::Ask(_) | Route::Repair | Route::FailClosed(_) | Route::Settle { .. } => {
                self.fail(failure, json!({}))
            }
        }
    }

    pub(super) fn lost(&mut self) {
        let at = self.services.env.now();
        self.unsaved.push(Record::Outside(Report::Lost { attempt: self.number, at }));
        self.finish_with(End::Parked);
    }

    /// Puts what has happened so far on the disk. False when the journal is too long, which ends the run.
    async fn save_now(&mut self) -> Result<bool, Trouble> {
        match self.services.store.append(self.unsaved.take()).await?.await {
            Ok(()) => Ok(true),
            Err(store::Error::Conflict { code: "LIMIT_JOURNAL", reason }) => {
                self.fail(Failure::new(Class::Limit, "LIMIT_JOURNAL", reason), json!({}));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// How many holders were lost in a row, with nothing done in between.
pub(super) fn lost_in_a_row(records: &[Record]) -> usize {
    let mut lost = 0;
    for record in records {
        match record {
            Record::Outside(Report::Lost { .. }) => lost += 1,
            Record::Settled { .. } | Record::Outside(Report::Step(_) | Report::GaveUp { .. }) => lost = 0,
            Record::Began { .. }
            | Record::Called(_)
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(Report::Claimed { .. } | Report::Started { .. } | Report::Named { .. })
            | Record::Ended { .. } => {}
        }
    }
    lost
}

/// How often the engine gave up before.
pub(super) fn gave_up(records: &[Record]) -> Option<Budget> {
    let at = |record: &Record| if let Record::Outside(Report::GaveUp { at, .. }) = record { Some(*at) } else { None };
    let mut times = records.iter().filter_map(at);
    let first_failed_at = times.next()?;
    Some(Budget { failures: u32::try_from(times.count() + 1).unwrap_or(u32::MAX), first_failed_at })
}

fn opening(services: &Services, context: &Context, attempt: u32, at: Timestamp) -> Opening {
    Opening {
        run: context.run.id,
        automation: context.automation.id,
        automation_name: context.automation.name.clone(),
        item: context.item.id,
        attempt,
        generation: context.run.generation,
        at,
        input: context.item.input.clone(),
        contract: context.own.to_value(),
        words: context.own.words(),
        tools: tools(services, context),
        calls: known_calls(&context.records),
        steps: steps(&context.records),
    }
}

/// The tools that may be called, as they are defined.
fn tools(services: &Services, context: &Context) -> Vec<Definition> {
    let granted = context.tools();
    let names: BTreeSet<&str> = granted.iter().map(String::as_str).chain(ALWAYS_GRANTED).collect();
    let found = names.into_iter().filter_map(|name| services.tools.catalogue.get(&name.parse().ok()?));
    found.map(|entry| entry.definition().clone()).collect()
}

fn known_calls(records: &[Record]) -> Vec<KnownCall> {
    let named = |record: &Record| {
        if let Record::Outside(Report::Named { call, id }) = record { Some((*call, id.clone())) } else { None }
    };
    let mut names: BTreeMap<u32, String> = records.iter().filter_map(named).collect();
    let known = recorded(records).into_iter().filter_map(|Recorded { called, settled }| {
        let key = called.key.as_ref().map(|key| canonical::to_string(&key.to_value()));
        Some(KnownCall {
            id: names.remove(&called.call)?,
            number: called.call,
            digest: digest_of_call(called.tool.as_str(), &called.arguments, key.as_deref(), called.optional),
            tool: called.tool.to_string(),
            outcome: settled.map(|settled| Arc::unwrap_or_clone(settled.outcome)),
        })
    });
    known.collect()
}

/// The marks that a journal holds.
pub(crate) fn steps(records: &[Record]) -> Vec<Step> {
    let step =
        |record: &Record| if let Record::Outside(Report::Step(step)) = record { Some(step.clone()) } else { None };
    records.iter().filter_map(step).collect()
}
