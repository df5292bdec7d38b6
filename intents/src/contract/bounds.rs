//! Limits, approvals, expectations and budgets in plain words, and what tells their clauses apart.

use std::collections::BTreeMap;

use serde::Serialize;

use super::phrase::{self, code, comparison, length, list, speech, visible};
use super::place::Place;
use super::{Approval, Budgets, Condition, Excess, Flow, Limit, Rate, Sum};
use crate::canonical::Digest;
use crate::expect::Expect;
use crate::pointer::Pointer;
use crate::schedule::QuietHours;
use crate::tool::Name;

impl Limit {
    /// The clause in plain words.
    pub fn words(&self) -> String {
        match self {
            Self::Rate { rate, beyond } => format!("{}; {}.", rate_words(rate), further(*beyond)),
            Self::Sum { sum, beyond } => format!("{}; {}.", sum_words(sum), further(*beyond)),
            Self::Quiet { tool, hours, beyond } => quiet_words(tool, hours, *beyond),
            Self::Flow(flow) => flow_words(flow),
        }
    }

    /// What tells the clause from others: its content.
    pub fn subject(&self) -> Digest {
        of_clause("steward limit 1", &self.to_edge(), 0)
    }
}

fn rate_words(rate: &Rate) -> String {
    let speech = speech(&rate.tool);
    let what = if rate.max == 1 { speech.one } else { speech.many };
    format!("At most {} {what}{} in {}", rate.max, per(&rate.tool, rate.per.as_ref()), length(rate.window))
}

fn sum_words(sum: &Sum) -> String {
    let many = speech(&sum.tool).many;
    let (of, per) = (code(&sum.of.to_string()), per(&sum.tool, sum.per.as_ref()));
    format!("At most {} in all at {of} of {many}{per} in {}", sum.max, length(sum.window))
}

fn per(tool: &Name, place: Option<&Pointer>) -> String {
    place.map(|place| format!(" per {}", phrase::per(tool, &visible(&place.to_string())))).unwrap_or_default()
}

fn further(excess: Excess) -> &'static str {
    match excess {
        Excess::Wait => "further ones wait",
        Excess::Skip => "further ones are skipped",
        Excess::Ask => "you are asked about further ones",
    }
}

fn quiet_words(tool: &Name, hours: &QuietHours, beyond: Excess) -> String {
    let then = match beyond {
        Excess::Wait => "what falls into that time waits",
        Excess::Skip => "what falls into that time is skipped",
        Excess::Ask => "you are asked about what falls into that time",
    };
    let (from, to, zone) = (hours.from, hours.to, &hours.zone);
    format!("No {} from {from} to {to} ({zone}); {then}.", speech(tool).many)
}

fn flow_words(flow: &Flow) -> String {
    let from = code(flow.from.as_str());
    if flow.to.is_empty() {
        return format!("What a run has read from {from} leaves for nowhere but where it came from.");
    }
    let places = list(flow.to.iter().map(|sink| code(&sink.to_string())), "or");
    format!("What a run has read from {from} leaves only by or for {places}, or for where it came from.")
}

impl Approval {
    /// The clause in plain words.
    pub fn words(&self) -> String {
        let speech = speech(&self.tool);
        let what = match self.first {
            None => format!("each {}", speech.one),
            Some(1) => format!("the first {} of each version of the contract", speech.one),
            Some(first) => format!("the first {first} {} of each version of the contract", speech.many),
        };
        let when = if self.when.is_empty() { String::new() } else { format!(" where {}", stated(&self.when)) };
        let envelope = self.envelope_words().map(|words| format!(" {words}")).unwrap_or_default();
        format!("You are asked before {what}{when}.{envelope}")
    }

    /// What one yes may cover, in plain words.
    pub fn envelope_words(&self) -> Option<String> {
        self.envelope.as_ref().map(|envelope| {
            let many = speech(&self.tool).many;
            let (where_, valid_for) = (stated(&envelope.conditions), length(envelope.valid_for));
            format!("One yes may cover up to {} {many} where {where_}, for {valid_for}.", envelope.at_most)
        })
    }

    /// What tells the clause from others: its content, and for the first effects of a version that version.
    pub fn subject(&self, major: u32) -> Digest {
        of_clause("steward approval 1", &self.to_edge(), self.first.map_or(0, |_| major))
    }

    /// What the first effects count as. How many there are is no part of it, so that another number forgets none.
    pub fn first_subject(&self, major: u32) -> Digest {
        let clause = Self { first: None, envelope: None, ..self.clone() };
        of_clause("steward first 1", &clause.to_edge(), major)
    }

    /// What calls under the envelope count as.
    pub fn envelope_subject(&self, major: u32) -> Digest {
        of_clause("steward envelope 1", &self.to_edge(), major)
    }
}

/// Conditions that stand for themselves: "`/amount` is more than 5000 and …".
fn stated(conditions: &BTreeMap<Place, Condition>) -> String {
    let one = |(place, condition): (&Place, &Condition)| {
        format!("{} is {}", code(&place.to_string()), comparison(&condition.comparison))
    };
    list(conditions.iter().map(one), "and")
}

fn of_clause(domain: &str, clause: &impl Serialize, major: u32) -> Digest {
    let value = serde_json::to_value(clause).expect("a clause has text keys and finite numbers only");
    let text = crate::canonical::to_string(&value);
    Digest::of_parts(domain, &[text.as_bytes(), &major.to_be_bytes()])
}

impl Expect {
    /// The clause in plain words.
    pub fn words(&self) -> String {
        let runs = if self.at_least == 1 { "1 run".to_owned() } else { format!("{} runs", self.at_least) };
        let window = length(self.per);
        let each = window.strip_prefix("1 ").filter(|unit| !unit.contains(' ')).unwrap_or(&window);
        format!("At least {runs} every {each}; you are told when there are fewer.")
    }
}

impl Budgets {
    /// What may be spent, in plain words, one line for each budget.
    pub fn words(&self) -> Vec<String> {
        let repairs = self.repairs_per_week.map(|repairs| match repairs {
            0 => "No repairs without you.".to_owned(),
            1 => "At most 1 repair in any 7 days.".to_owned(),
            more => format!("At most {more} repairs in any 7 days."),
        });
        self.cost_words().into_iter().chain(repairs).collect()
    }

    /// What models and other paid tools may cost, in plain words.
    pub fn cost_words(&self) -> Option<String> {
        let cost = self.model_cost_per_month?;
        Some(format!("Models and other paid tools cost at most {cost} USD in any 30 days; you are asked about more."))
    }
}
