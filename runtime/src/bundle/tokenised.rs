//! A journal in which secrets and people are tokens.

use std::sync::Arc;

use connectors::Catalogue;
use intents::canonical;
use intents::effect::Key;
use intents::journal::{Called, LogLine, Record, Report};
use intents::label::{Label, Labels};
use intents::outcome::{Failure, Outcome, Refusal};
use intents::pointer::Pointer;
use intents::redact::Tokens;
use intents::tool::Name;
use serde_json::Value;

/// Where a call holds what nobody else sees.
enum Side {
    Arguments,
    Result,
}

/// Replaces what is to be replaced, by the definitions of the tools that were called.
pub(super) struct Tokeniser<'c> {
    pub(super) tokens: Tokens,
    catalogue: &'c Catalogue,
    /// The tool of each call so far.
    tools: Vec<Name>,
}

impl<'c> Tokeniser<'c> {
    pub(super) fn new(key: [u8; 32], catalogue: &'c Catalogue) -> Self {
        Self { tokens: Tokens::new(key), catalogue, tools: Vec::new() }
    }

    /// The same journal with tokens. Done twice, so that what is known at the end is known from the beginning.
    pub(super) fn journal(&mut self, records: &[Record]) -> Vec<Record> {
        for record in records {
            self.record(record);
        }
        records.iter().map(|record| self.record(record)).collect()
    }

    fn declared(&self, tool: Option<&Name>, side: Side) -> Vec<Pointer> {
        let prefix = match side {
            Side::Arguments => "/arguments",
            Side::Result => "/result",
        };
        let entry = tool.and_then(|tool| self.catalogue.get(tool));
        let redacted = entry.map(|entry| entry.definition().redacted.clone()).unwrap_or_default();
        let inner = |pointer: &Pointer| pointer.to_string().strip_prefix(prefix)?.parse().ok();
        redacted.iter().filter_map(inner).collect()
    }

    fn record(&mut self, record: &Record) -> Record {
        match record {
            Record::Began { pins, at, seed, input } => {
                Record::Began { pins: pins.clone(), at: *at, seed: *seed, input: self.tokens.value(input) }
            }
            Record::Called(called) => Record::Called(self.called(called)),
            Record::Settled { call, order, outcome, at, took_ms, labels } => Record::Settled {
                call: *call,
                order: *order,
                outcome: Arc::new(self.outcome(*call, outcome)),
                at: *at,
                took_ms: *took_ms,
                labels: self.labels(labels),
            },
            Record::Faulted { call, failure, answer, routed, at } => Record::Faulted {
                call: *call,
                failure: self.failure(failure),
                answer: answer.as_ref().map(|answer| Arc::new(self.outcome(*call, answer))),
                routed: routed.clone(),
                at: *at,
            },
            Record::Reread { call, by, outcome, labels, at } => Record::Reread {
                call: *call,
                by: *by,
                outcome: self.outcome(*call, outcome),
                labels: self.labels(labels),
                at: *at,
            },
            Record::StateRead { name, version } => {
                Record::StateRead { name: self.tokens.text(name), version: *version }
            }
            Record::Logged(line) => Record::Logged(LogLine { text: self.tokens.text(&line.text), ..line.clone() }),
            Record::Outside(report) => Record::Outside(self.report(report)),
            Record::Ended { result, failure, at } => Record::Ended {
                result: result.as_ref().map(|result| self.tokens.value(result)),
                failure: failure.as_ref().map(|failure| self.failure(failure)),
                at: *at,
            },
        }
    }

    fn called(&mut self, called: &Called) -> Called {
        let place = called.call as usize;
        if self.tools.len() <= place {
            self.tools.resize(place + 1, called.tool.clone());
        }
        self.tools[place] = called.tool.clone();
        let declared = self.declared(Some(&called.tool), Side::Arguments);
        let arguments: Value = serde_json::from_str(&called.arguments).unwrap_or_default();
        let arguments = self.tokens.value_at(&arguments, &declared);
        let key = called.key.as_ref().map(|key| {
            let parts = self.tokens.value(&key.to_value());
            Key::parse(&parts).unwrap_or_else(|_| key.clone())
        });
        Called {
            arguments: canonical::to_string(&arguments),
            key,
            verdict: self.tokens.text(&called.verdict),
            ..called.clone()
        }
    }

    fn outcome(&mut self, call: u32, outcome: &Outcome) -> Outcome {
        match outcome {
            Outcome::Value(value) => {
                let declared = self.declared(self.tools.get(call as usize), Side::Result);
                Outcome::Value(self.tokens.value_at(value, &declared))
            }
            Outcome::Refused(refusal) => Outcome::Refused(Refusal {
                code: refusal.code.clone(),
                message: self.tokens.text(&refusal.message),
                data: self.tokens.value(&refusal.data),
            }),
            Outcome::Skipped { clause } => Outcome::Skipped { clause: self.tokens.text(clause) },
        }
    }

    fn failure(&mut self, failure: &Failure) -> Failure {
        Failure { message: self.tokens.text(&failure.message), ..failure.clone() }
    }

    fn labels(&mut self, labels: &Labels) -> Labels {
        labels.iter().map(|Label(label)| Label(self.tokens.text(label))).collect()
    }

    fn report(&mut self, report: &Report) -> Report {
        match report {
            Report::Step(step) => {
                let mut step = step.clone();
                step.name = self.tokens.text(&step.name);
                step.data = self.tokens.value(&step.data);
                Report::Step(step)
            }
            Report::GaveUp { message, at } => Report::GaveUp { message: self.tokens.text(message), at: *at },
            Report::Claimed { .. } | Report::Started { .. } | Report::Named { .. } | Report::Lost { .. } => {
                report.clone()
            }
        }
    }
}
