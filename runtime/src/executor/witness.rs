//! Sees what an attempt adds to its journal, and tells it in figures and traces.

use intents::journal::Record;
use intents::outcome::Outcome;

use super::attempt::Ending;
use crate::telemetry::metrics::{CallEnd, Meter, ToolPlace};
use crate::telemetry::traces::AttemptTrace;

/// Sees what an attempt adds to its journal. It changes nothing, and nothing waits for it.
pub(super) struct Witness {
    meter: Meter,
    trace: Option<Box<AttemptTrace>>,
    /// The tools of calls that have no outcome yet.
    open: Vec<(u32, ToolPlace)>,
}

impl Witness {
    pub(super) fn new(meter: Meter, trace: Option<AttemptTrace>, earlier: &[Record]) -> Self {
        let mut witness = Self { meter, trace: trace.map(Box::new), open: Vec::new() };
        for record in earlier {
            match record {
                Record::Called(called) => witness.open(called.call, called.tool.as_str()),
                Record::Settled { call, .. } => drop(witness.close(*call)),
                Record::Began { .. }
                | Record::Faulted { .. }
                | Record::Reread { .. }
                | Record::StateRead { .. }
                | Record::Logged(_)
                | Record::Outside(_)
                | Record::Ended { .. } => {}
            }
        }
        // What an earlier attempt left without an outcome is taken up by this one.
        for record in earlier {
            if let (Record::Called(called), Some(trace)) = (record, &mut witness.trace)
                && witness.open.iter().any(|(open, _)| *open == called.call)
            {
                trace.called(called.call, called.tool.as_str());
            }
        }
        witness
    }

    /// A record is added.
    pub(super) fn saw(&mut self, record: &Record) {
        match record {
            Record::Called(called) => {
                let tool = called.tool.as_str();
                self.open(called.call, tool);
                if let Some(trace) = &mut self.trace {
                    trace.called(called.call, tool);
                }
            }
            Record::Settled { call, outcome, .. } => self.settled(*call, outcome),
            Record::Faulted { call, failure, .. } => {
                self.meter.fault(failure.class);
                if let Some((_, tool)) = self.open.iter().find(|(open, _)| open == call) {
                    self.meter.call(*tool, CallEnd::Fault);
                }
                if let Some(trace) = &mut self.trace {
                    trace.faulted(*call, failure);
                }
            }
            Record::Began { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => {}
        }
    }

    /// The attempt has ended; none, when it met trouble.
    pub(super) fn ended(&mut self, ending: Option<Ending>) {
        if let Some(trace) = self.trace.take() {
            trace.ended(ending);
        }
    }

    fn settled(&mut self, call: u32, outcome: &Outcome) {
        if let Some(tool) = self.close(call) {
            self.meter.call(tool, CallEnd::of(outcome));
        }
        if let Some(trace) = &mut self.trace {
            trace.settled(call, outcome);
        }
    }

    fn open(&mut self, call: u32, tool: &str) {
        self.open.push((call, self.meter.tool(tool)));
    }

    fn close(&mut self, call: u32) -> Option<ToolPlace> {
        let at = self.open.iter().position(|(open, _)| *open == call)?;
        Some(self.open.swap_remove(at).1)
    }
}
