//! Results of open tools: adapted where the script has an adapter for them, compared with what is known, and learnt from.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use connectors::Performed;
use intents::Timestamp;
use intents::canonical::Digest;
use intents::drift::{Drift, Names, Shape, site};
use intents::failure::Class;
use intents::id::AutomationId;
use intents::journal::{Record, recorded};
use intents::label::Labels;
use intents::outcome::{Failure, Outcome};
use intents::repair::Adapter;
use intents::tool::Shape as OwnerOfShape;
use serde_json::{Value, json};

use super::Attempt;
use crate::executor::adapter::adapt;
use crate::executor::call::Admitted;
use crate::executor::context::{Context, Trouble};
use crate::maintainer::{NewRepair, RepairBody};
use crate::store::{Learnt, Program, Seen};

/// Characters of a line that says what broke.
const BROKE_CHARS: usize = 300;

/// What an attempt knows of the shapes of results.
#[derive(Default)]
pub(super) struct Shapes {
    used: Option<Arc<Names>>,
    seen: BTreeMap<String, Seen>,
    /// Where a result left what is known, though not enough was known to fail by it.
    suspect: Vec<(String, Drift)>,
    /// The service that was read from last.
    service: Option<String>,
    /// What the failed run had read in whose place this one goes on.
    given: BTreeMap<(String, String), VecDeque<Given>>,
    /// When each read left, by call.
    left_at: BTreeMap<u32, Timestamp>,
    /// When what was given back was read, by call: it is no fresher for that.
    read_at: BTreeMap<u32, Timestamp>,
}

/// Something that a failed run had read.
struct Given {
    outcome: Outcome,
    labels: Labels,
    at: Timestamp,
}

impl Shapes {
    /// What an attempt begins with: what a run before it has read, where it goes on in its place.
    pub(super) fn of(context: &Context) -> Self {
        let mut given: BTreeMap<_, VecDeque<_>> = BTreeMap::new();
        for (key, read) in reads_of(&context.resumes) {
            given.entry(key).or_default().push_back(read);
        }
        // What this run has read already is in its own journal, and no fresher for having been given back.
        let mut read_at = BTreeMap::new();
        for call in recorded(&context.records).into_iter().filter(|call| call.settled.is_some()) {
            if let Some(left) = given.get_mut(&(call.called.tool.to_string(), call.called.arguments))
                && let Some(read) = left.pop_front()
            {
                read_at.insert(call.called.call, read.at);
            }
        }
        Self { given, read_at, ..Self::default() }
    }

    fn names(&mut self, context: &Context) -> Arc<Names> {
        let make = || {
            let script = match &context.script.program {
                Program::Script(source) => source.as_str(),
                Program::Outside(_) => "",
            };
            let contract = context.own.to_value().to_string();
            Arc::new(Names::of([script, &contract]))
        };
        Arc::clone(self.used.get_or_insert_with(make))
    }
}

/// What a run has read, by tool and arguments, in its order; with the answer that it failed at.
fn reads_of(records: &[Record]) -> Vec<((String, String), Given)> {
    let mut called = BTreeMap::new();
    let mut reads = Vec::new();
    for record in records {
        match record {
            Record::Called(call) if !call.tool.is_host_tool() => {
                called.insert(call.call, (call.tool.to_string(), call.arguments.clone()));
            }
            Record::Settled { call, outcome, labels, at, .. } => {
                if let (Some(key), Outcome::Value(_)) = (called.get(call), outcome.as_ref()) {
                    let given = Given { outcome: outcome.as_ref().clone(), labels: labels.clone(), at: *at };
                    reads.push((key.clone(), given));
                }
            }
            Record::Faulted { call, answer: Some(answer), at, .. } => {
                if let Some(key) = called.get(call) {
                    let given = Given { outcome: answer.as_ref().clone(), labels: Labels::new(), at: *at };
                    reads.push((key.clone(), given));
                }
            }
            Record::Called(_)
            | Record::Faulted { .. }
            | Record::Began { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => {}
        }
    }
    reads
}

impl Attempt {
    /// What the failed run got for the same read, once for each time that it was made.
    pub(super) fn given(&mut self, admitted: &Admitted) -> Option<Performed> {
        let key = (admitted.definition.name.to_string(), admitted.arguments.canonical().to_owned());
        let Given { outcome, mut labels, at } = self.shapes.given.get_mut(&key)?.pop_front()?;
        self.shapes.read_at.insert(admitted.call, at);
        labels.extend(admitted.definition.sources(admitted.arguments.value()));
        Some(Performed { outcome, labels })
    }

    /// Notes that a read leaves.
    pub(super) fn leaves(&mut self, call: u32) {
        let now = self.services.env.now();
        self.shapes.left_at.insert(call, now);
    }

    /// Whether the read of a call was given back rather than made.
    pub(super) fn was_given(&self, call: u32) -> bool {
        self.shapes.read_at.contains_key(&call)
    }

    /// Gives reads that were given back their true age.
    pub(super) fn age(&mut self) {
        for read in &mut self.reads {
            if let Some(at) = self.shapes.read_at.get(&read.call) {
                read.at = *at;
            }
        }
    }

    /// When the read of a call was made: earlier, where it was given back.
    pub(super) fn read_at(&self, call: u32) -> Timestamp {
        self.shapes.read_at.get(&call).copied().unwrap_or_else(|| self.services.env.now())
    }

    /// A read has come: the script gets it in the shape that it was proven with, or fails.
    pub(super) async fn came(&mut self, admitted: &Arc<Admitted>, performed: Performed) -> Result<(), Trouble> {
        if let Some(failure) = self.misshapen(admitted, &performed.outcome)? {
            self.fail(failure, json!({ "tool": admitted.definition.name.as_str() }));
            return Ok(());
        }
        let Performed { outcome, labels } = performed;
        match self.fitting(admitted, outcome).await? {
            Ok(outcome) => {
                self.keep_read(admitted, &outcome);
                self.complete(admitted.call, outcome, labels);
            }
            Err((failure, answer, evidence)) => self.drifted(admitted, failure, answer, evidence),
        }
        Ok(())
    }

    /// A result of an open tool in the shape that the script was proven with; otherwise what failed, with the answer.
    pub(super) async fn fitting(
        &mut self,
        admitted: &Admitted,
        outcome: Outcome,
    ) -> Result<Result<Outcome, (Failure, Outcome, Value)>, Trouble> {
        if admitted.definition.shape != OwnerOfShape::Open || matches!(self.context.script.program, Program::Outside(_))
        {
            return Ok(Ok(outcome));
        }
        let (tool, arguments) = (&admitted.definition.name, admitted.arguments.value());
        let site = site(tool, arguments);
        self.shapes.service = Some(service_of(&site));
        let Outcome::Value(value) = &outcome else { return Ok(Ok(outcome)) };
        let used = self.shapes.names(&self.context);
        let shape = Shape::of_result(value);
        let of_site =
            |adapter: &&Adapter| adapter.tool == *tool && adapter.site == site && adapter.takes(&shape, &used);
        if let Some(adapter) = self.context.script.adapters.iter().find(of_site) {
            let (jail, limits, now) = (&self.services.jail, &self.services.limits, self.services.env.now());
            let adapted = adapt(jail, limits, adapter, &used, value, arguments, now).await;
            return Ok(match adapted {
                Ok(adapted) => {
                    self.saw(site, Shape::of_result(&adapted), admitted);
                    Ok(Outcome::Value(adapted))
                }
                // Trouble with the jail is none of the script's.
                Err(failure) if failure.class == Class::Internal => {
                    return Err(Trouble::Jail { reason: failure.message });
                }
                Err(failure) => Err((failure, outcome, json!({ "site": site }))),
            });
        }
        let known = self.services.store.fingerprints(self.context.automation.id).await?;
        if let Some(known) = known.get(&site) {
            let drift = known.drift(&shape, &used);
            if drift.breaks() && known.is_firm() {
                let message =
                    format!("the answer of {} has another shape than before: {}", service_of(&site), drift.words());
                let failure = Failure::new(Class::Logic, "ANSWER_DRIFT", message);
                let changes: Vec<_> = drift.changes.iter().map(intents::drift::Change::words).collect();
                let evidence = json!({ "site": site, "changes": changes, "runs": known.samples });
                return Ok(Err((failure, outcome, evidence)));
            }
            if drift.breaks() {
                self.shapes.suspect.push((site.clone(), drift));
            }
        }
        self.saw(site, shape, admitted);
        Ok(Ok(outcome))
    }

    fn saw(&mut self, site: String, shape: Shape, admitted: &Admitted) {
        // What waited for its turn before is no matter of the service.
        let left_at = self.shapes.left_at.remove(&admitted.call);
        let now = self.services.env.now();
        let took_ms = u64::try_from(left_at.map_or(0, |at| now.since(at).as_millis())).unwrap_or(u64::MAX);
        let timeout_ms = admitted.definition.timeout_ms;
        match self.shapes.seen.entry(site) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(Seen { shape, took_ms, timeout_ms });
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => {
                let seen = occupied.get_mut();
                seen.shape.merge(&shape);
                seen.took_ms = seen.took_ms.max(took_ms);
            }
        }
    }

    /// The run fails at an answer that the script was not proven with, before the script sees it.
    fn drifted(&mut self, admitted: &Admitted, failure: Failure, answer: Outcome, evidence: Value) {
        let at = self.services.env.now();
        self.unsaved.push(Record::Faulted {
            call: admitted.call,
            failure: failure.clone(),
            answer: Some(Arc::new(answer)),
            routed: Some("the run ends".to_owned()),
            at,
        });
        let mut evidence = evidence;
        evidence["call"] = json!(admitted.call);
        evidence["tool"] = json!(admitted.definition.name.as_str());
        self.fail(failure, evidence);
    }

    /// What a run that succeeded has seen is learnt, if it says anything new.
    pub(super) async fn learn(&mut self) {
        if self.shapes.seen.is_empty() {
            return;
        }
        let automation: AutomationId = self.context.automation.id;
        let used = self.shapes.names(&self.context);
        let sites = std::mem::take(&mut self.shapes.seen);
        let learnt = Learnt { automation, sites, used: used.as_ref().clone() };
        let store = &self.services.store;
        let known = store.fingerprints(automation).await;
        let stored = match known {
            Ok(known) if learnt.says_anything(&known) => store.learn(learnt).await.map(|_| ()),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = stored {
            // The next run that succeeds says the same.
            tracing::debug!(%automation, %error, "the shapes of a run were not learnt");
        }
    }

    /// What is to be repaired about a failure; nothing where a person has to look.
    pub(super) fn repair_of(&mut self, failure: &Failure, evidence: &Value) -> Option<Box<NewRepair>> {
        let is_script = matches!(self.context.script.program, Program::Script(_));
        // What the script said itself is meant for a person, unless an answer of another shape made it say so.
        let said_so = failure.code == "SCRIPT_STOPPED" && self.shapes.suspect.is_empty();
        if failure.class != Class::Logic || !is_script || said_so || self.context.run.shadow.is_some() {
            return None;
        }
        let suspect =
            self.shapes.suspect.first().map(|(site, drift)| format!("{}: {}", service_of(site), drift.words()));
        let broke = match &suspect {
            Some(suspect) => format!("{suspect} ({})", failure.message),
            None => failure.message.clone(),
        };
        // What an answer lacks is the failure; what else is new in it is another thing each time.
        let lacks = (!evidence["site"].is_null()).then_some(&failure.message);
        let place = json!([evidence["name"], evidence["line"], evidence["column"], evidence["site"], lacks]);
        let storm = self.shapes.service.clone().unwrap_or_else(|| self.context.automation.id.to_string());
        // In the same way: the same is missing in the answer, or the same code says what failed.
        let way = match (&suspect, lacks) {
            (_, Some(lacks)) => lacks.clone(),
            (Some(suspect), None) => suspect.clone(),
            (None, None) => failure.code.clone(),
        };
        Some(Box::new(NewRepair {
            cause: Digest::of_parts("steward cause 2", &[failure.code.as_bytes(), place.to_string().as_bytes()]),
            storm: Digest::of_parts("steward storm 1", &[storm.as_bytes(), way.as_bytes()]),
            per_week: self.context.own.budgets().repairs_per_week,
            body: RepairBody {
                failure: failure.clone(),
                broke: broke.chars().take(BROKE_CHARS).collect(),
                evidence: evidence.clone(),
                service: self.shapes.service.clone(),
                tried: Vec::new(),
                candidate: None,
                ended: None,
            },
        }))
    }
}

/// The service that a call site belongs to: its origin, or the tool.
fn service_of(site: &str) -> String {
    let address = site.split(' ').find(|part| part.contains("://"));
    let Some(address) = address else { return site.split(' ').next().unwrap_or(site).to_owned() };
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..].find(['/', '?']).map_or(address.len(), |at| start + at);
    address[start..end].to_owned()
}
