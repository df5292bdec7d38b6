//! Capabilities.

use std::collections::BTreeMap;

use super::common::{argument, tool};
use super::condition::condition;
use super::identity::identity;
use crate::contract::read::{Node, Problems};
use crate::contract::{Capability, Vocabulary, problem};
use crate::tool::Name;

/// Conditions of one capability.
const CONDITIONS_MAX: usize = 32;
/// The tool whose effects the contract may describe: only the contract's author knows the service behind it.
const DECLARABLE: &str = "http.request";

pub(super) fn capability(
    node: &Node<'_>,
    vocabulary: &dyn Vocabulary,
    problems: &mut Problems,
    granted: &mut dyn FnMut(Name),
) -> Option<Capability> {
    let members = node.members(&["tool", "where", "identity"], problems)?;
    let tool_node = members.need("tool", problems)?;
    let definition = tool(&tool_node, vocabulary, problems)?;
    granted(definition.name.clone());
    let mut conditions = BTreeMap::new();
    let entries = members.maybe("where").map(|node| node.entries(CONDITIONS_MAX, problems)).unwrap_or_default();
    for (place, node) in entries {
        if let Some(pointer) = argument(place, &node.at, definition, problems)
            && let Some(condition) = condition(&node, definition, &pointer, problems)
        {
            conditions.insert(pointer, condition);
        }
    }
    let identity = members.maybe("identity").and_then(|node| {
        if definition.name.as_str() != DECLARABLE {
            let message = format!("`{}` knows its own identity; only `{DECLARABLE}` takes one", definition.name);
            problems.add(problem::IDENTITY_UNFIT, &node.at, message);
            return None;
        }
        identity(&node, problems)
    });
    Some(Capability { tool: definition.name.clone(), conditions, identity })
}
