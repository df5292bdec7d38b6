//! What a person says yes to.

use std::collections::BTreeSet;

use super::common::{COUNT_MAX, span, tool};
use super::condition::conditions;
use crate::contract::place::RowName;
use crate::contract::read::{Node, Problems};
use crate::contract::{Approval, Capability, Envelope, Vocabulary, problem};
use crate::tool::Definition;

pub(super) fn approval(
    node: &Node<'_>,
    vocabulary: &dyn Vocabulary,
    capabilities: &[(usize, Capability)],
    problems: &mut Problems,
) -> Option<Approval> {
    let members = node.members(&["tool", "when", "first", "envelope"], problems)?;
    let tool_node = members.need("tool", problems)?;
    let definition = tool(&tool_node, vocabulary, problems)?;
    if !definition.is_effect() {
        let message = format!("`{}` only reads; what changes nothing needs no yes", definition.name);
        problems.add(problem::APPROVAL_UNFIT, &tool_node.at, message);
    }
    let of_tool = capabilities.iter().filter(|(_, capability)| capability.tool == definition.name);
    let rows = of_tool.flat_map(|(_, capability)| capability.bind.keys().cloned()).collect();
    let when = conditions(members.maybe("when"), definition, &rows, problems);
    if let Some(node) =
        members.maybe("when").filter(|node| node.value.as_object().is_some_and(serde_json::Map::is_empty))
    {
        problems.add(problem::EMPTY, &node.at, "without conditions every call asks; leave `when` out");
    }
    let first = members.maybe("first").and_then(|node| node.count(COUNT_MAX, problems));
    let envelope = members.maybe("envelope").and_then(|node| envelope(&node, definition, &rows, problems));
    Some(Approval { tool: definition.name.clone(), when, first, envelope })
}

/// One yes to several calls says how many, which, and for how long: never a blank cheque.
fn envelope(
    node: &Node<'_>,
    definition: &Definition,
    rows: &BTreeSet<RowName>,
    problems: &mut Problems,
) -> Option<Envelope> {
    let members = node.members(&["at_most", "where", "for"], problems)?;
    let at_most = members.need("at_most", problems).and_then(|node| node.count(COUNT_MAX, problems));
    let stated = members.need("where", problems);
    if let Some(node) = stated.as_ref().filter(|node| node.value.as_object().is_some_and(serde_json::Map::is_empty)) {
        problems.add(problem::EMPTY, &node.at, "one yes to several calls says which; add a condition");
    }
    let conditions = conditions(stated, definition, rows, problems);
    let valid_for = span(members.need("for", problems), problems);
    Some(Envelope { at_most: at_most?, conditions, valid_for: valid_for? })
}
