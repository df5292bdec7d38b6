//! Where data may go: a run carries the labels of all that it has read, and every call that leaves the machine takes
//! them all along.

use serde_json::Value;

use super::reason::{FLOW, Reason};
use crate::contract::{ConnectionName, Contract, Flow, Limit, Sink};
use crate::label::{Label, Labels};
use crate::tool::{Definition, Sinks};

/// Why the call may not take the data of this run along; nothing when it may.
pub(super) fn refusals(
    contract: &Contract,
    definition: &Definition,
    arguments: &Value,
    connection: Option<&ConnectionName>,
    labels: &Labels,
) -> Vec<Reason> {
    let mut clauses = contract
        .limits()
        .iter()
        .filter_map(|limit| match limit {
            Limit::Flow(flow) => Some((limit, flow)),
            Limit::Rate { .. } | Limit::Sum { .. } | Limit::Quiet { .. } => None,
        })
        .peekable();
    if clauses.peek().is_none() {
        return Vec::new();
    }
    let sinks = definition.sinks(arguments);
    let through = connection.map(ConnectionName::label);
    let mut reasons = Vec::new();
    for (limit, flow) in clauses {
        let carried = labels.iter().filter(|label| flow.from.covers(label) && through.as_ref() != Some(*label));
        let refused: Vec<_> = carried
            .filter(|label| !may_go(flow, label, definition, &sinks))
            .map(|label| format!("`{label}`"))
            .collect();
        if !refused.is_empty() {
            let words = format!("{} This run has read {}.", limit.words(), refused.join(", "));
            reasons.push(Reason { code: FLOW, words });
        }
    }
    reasons
}

/// Whether data may go where the call goes. What came from a place may go back there.
fn may_go(flow: &Flow, label: &Label, definition: &Definition, sinks: &Sinks) -> bool {
    let allows = |place: &Label| {
        place == label
            || flow.to.iter().any(|to| match to {
                Sink::Place(pattern) => pattern.covers(place),
                Sink::Tool(_) => false,
            })
    };
    let by_tool = || flow.to.iter().any(|to| *to == Sink::Tool(definition.name.clone()));
    match sinks {
        Sinks::StaysHere => true,
        Sinks::Named(places) => by_tool() || places.iter().all(allows),
        Sinks::Unnamed => by_tool(),
    }
}
