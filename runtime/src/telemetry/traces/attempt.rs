//! The trace of one attempt: its calls, itself, and at the run's end the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use intents::id::RunId;
use intents::outcome::{Failure, Outcome};
use intents::run::Phase;

use super::context::{SpanId, TraceContext, TraceId};
use super::span::{Kind, Parent, Span, Value};
use super::tracer::Inner;
use crate::executor::Ending;
use crate::store::Run;
use crate::telemetry::metrics::CallEnd;

/// The trace of one attempt.
pub struct AttemptTrace {
    inner: Arc<Inner>,
    ids: TraceIds,
    run: RunId,
    automation: String,
    number: u32,
    /// When the run began, in milliseconds.
    run_from: i64,
    /// What the run belongs to.
    parent: Option<Parent>,
    from: i64,
    calls: BTreeMap<u32, Open>,
}

/// Which spans an attempt consists of. Whoever knows the run and the attempt knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceIds {
    trace: TraceId,
    run: SpanId,
    attempt: SpanId,
}

/// A call that has no outcome yet.
struct Open {
    tool: String,
    from: i64,
    faults: u32,
    last: Option<(String, &'static str)>,
}

/// What is said of a call that has no outcome when its attempt ends.
const WAITS: &str = "waits";

impl std::fmt::Debug for AttemptTrace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttemptTrace").field("ids", &self.ids).finish_non_exhaustive()
    }
}

impl TraceIds {
    fn of(trace: TraceId, run: RunId, number: u32) -> Self {
        let name = run.ulid().to_u128().to_be_bytes();
        let attempt = SpanId::of(&[b"attempt", &name, &number.to_be_bytes()]);
        Self { trace, run: SpanId::of(&[b"run", &name]), attempt }
    }

    /// The trace, as logs name it.
    pub(crate) fn trace(&self) -> TraceId {
        self.trace
    }

    fn call(&self, call: u32) -> SpanId {
        SpanId::of(&[b"call", &self.attempt.0, &call.to_be_bytes()])
    }

    /// What a call tells the service that it calls.
    pub(crate) fn context_of(&self, call: u32) -> TraceContext {
        TraceContext { trace: self.trace, span: self.call(call), sampled: true }
    }
}

impl AttemptTrace {
    pub(super) fn begin(inner: Arc<Inner>, run: &Run, number: u32, trace: TraceId, parent: Option<Parent>) -> Self {
        Self {
            ids: TraceIds::of(trace, run.id, number),
            run: run.id,
            automation: run.automation.to_string(),
            number,
            run_from: run.created_at.as_millis(),
            parent,
            from: inner.env.clock.nanos(),
            calls: BTreeMap::new(),
            inner,
        }
    }

    pub(crate) fn ids(&self) -> TraceIds {
        self.ids
    }

    /// A call is made, for the first time in this attempt.
    pub(crate) fn called(&mut self, call: u32, tool: &str) {
        let from = self.inner.env.clock.nanos();
        self.calls.entry(call).or_insert_with(|| Open { tool: tool.to_owned(), from, faults: 0, last: None });
    }

    /// A call failed; it is tried again, settled, asked about, or ends the run.
    pub(crate) fn faulted(&mut self, call: u32, failure: &Failure) {
        if let Some(open) = self.calls.get_mut(&call) {
            open.faults += 1;
            open.last = Some((failure.code.clone(), failure.class.as_str()));
        }
    }

    /// A call has its outcome.
    pub(crate) fn settled(&mut self, call: u32, outcome: &Outcome) {
        if let Some(open) = self.calls.remove(&call) {
            self.hand_over_call(call, open, CallEnd::of(outcome).as_str());
        }
    }

    fn hand_over_call(&self, call: u32, open: Open, outcome: &'static str) {
        let mut attributes: Vec<(&'static str, Value)> = vec![
            ("steward.call", call.into()),
            ("steward.tool", open.tool.as_str().into()),
            ("steward.outcome", outcome.into()),
        ];
        if open.faults > 0 {
            attributes.push(("steward.faults", open.faults.into()));
        }
        if let Some((code, class)) = open.last {
            attributes.push(("error.type", code.into()));
            attributes.push(("steward.class", class.into()));
        }
        self.hand_over(Span {
            trace: self.ids.trace,
            id: self.ids.call(call),
            parent: Some(Parent { id: self.ids.attempt, is_remote: false }),
            kind: if open.tool.starts_with("http.") { Kind::Client } else { Kind::Internal },
            name: format!("call {}", open.tool),
            from: open.from,
            until: self.inner.env.clock.nanos(),
            attributes,
            failed: outcome == CallEnd::Fault.as_str(),
        });
    }

    /// The attempt has ended; none, when it met trouble. Calls without an outcome end with it.
    pub(crate) fn ended(mut self, ending: Option<Ending>) {
        for (call, open) in std::mem::take(&mut self.calls) {
            // A call that waits for a time, an event or a person did not fail.
            let outcome = if open.last.is_some() { CallEnd::Fault.as_str() } else { WAITS };
            self.hand_over_call(call, open, outcome);
        }
        let until = self.inner.env.clock.nanos();
        let (name, over) = match ending {
            None => ("troubled", None),
            Some(Ending::NotReady) => ("not_ready", None),
            Some(Ending::Asleep) => ("asleep", None),
            Some(Ending::Overtaken) => ("overtaken", None),
            Some(Ending::Parked) => ("parked", None),
            Some(Ending::Over(phase)) => (phase.as_str(), Some(phase)),
        };
        self.hand_over(Span {
            trace: self.ids.trace,
            id: self.ids.attempt,
            parent: Some(Parent { id: self.ids.run, is_remote: false }),
            name: "attempt".to_owned(),
            kind: Kind::Internal,
            from: self.from,
            until,
            attributes: vec![("steward.attempt", self.number.into()), ("steward.ending", name.into())],
            failed: ending.is_none() || over == Some(Phase::Failed),
        });
        let Some(phase) = over else { return };
        self.inner.forget(self.run);
        self.hand_over(Span {
            trace: self.ids.trace,
            id: self.ids.run,
            parent: self.parent,
            name: "run".to_owned(),
            kind: Kind::Internal,
            from: self.run_from.saturating_mul(1_000_000),
            until,
            attributes: vec![("steward.phase", phase.as_str().into())],
            failed: phase == Phase::Failed,
        });
    }

    fn hand_over(&self, mut span: Span) {
        span.attributes.push(("steward.run", self.run.to_string().into()));
        span.attributes.push(("steward.automation", self.automation.clone().into()));
        self.inner.export.hand_over(span);
    }
}
