//! Capabilities.

use std::collections::{BTreeMap, BTreeSet};

use super::common::{TEXT_MAX, span, tool};
use super::condition::conditions;
use super::identity::identity;
use crate::contract::cover::row_of;
use crate::contract::place::{Place, RowName};
use crate::contract::read::{Members, Node, Problems, echo};
use crate::contract::{Bind, Capability, Condition, ConnectionName, Vocabulary, problem};
use crate::pointer::Pointer;
use crate::tool::{Definition, Name};

/// Rows that one capability binds. Each is looked for in all that the run has read.
const BINDS_MAX: usize = 4;
/// The tool whose effects the contract may describe: only the contract's author knows the service behind it.
const DECLARABLE: &str = "http.request";

pub(super) fn capability(
    node: &Node<'_>,
    vocabulary: &dyn Vocabulary,
    problems: &mut Problems,
    granted: &mut dyn FnMut(Name),
) -> Option<Capability> {
    let members = node.members(&["tool", "connection", "bind", "where", "fresh_for", "identity"], problems)?;
    let tool_node = members.need("tool", problems)?;
    let definition = tool(&tool_node, vocabulary, problems)?;
    granted(definition.name.clone());
    let (bind, named) = bind(members.maybe("bind"), vocabulary, problems);
    let conditions = conditions(members.maybe("where"), definition, &named, problems);
    for name in bind.keys() {
        if !conditions.iter().any(|(place, condition)| row_of(place, condition) == Some(name)) {
            let message = format!(
                "no condition speaks of the row `{name}`; say what it has to do with the call, such as \"/to\": \
                 {{ \"same_as\": \"{name}:/email\" }}"
            );
            problems.add(problem::BIND_UNFIT, &format!("{}/bind/{name}", node.at), message);
        }
    }
    let fresh_for = members.maybe("fresh_for").and_then(|node| {
        if members.maybe("bind").is_none() {
            let message = "there is no row that could be too old; bind one, or leave this out";
            problems.add(problem::BIND_UNFIT, &node.at, message);
        }
        span(Some(node), problems)
    });
    let identity = members.maybe("identity").and_then(|node| {
        if definition.name.as_str() != DECLARABLE {
            let message = format!("`{}` knows its own identity; only `{DECLARABLE}` takes one", definition.name);
            problems.add(problem::IDENTITY_UNFIT, &node.at, message);
            return None;
        }
        identity(&node, problems)
    });
    let connection = connection(&members, definition, &conditions, problems);
    Some(Capability { tool: definition.name.clone(), connection, bind, conditions, fresh_for, identity })
}

/// A credential must know where it may go: to the hosts that a condition on the address names.
fn connection(
    members: &Members<'_>,
    definition: &Definition,
    conditions: &BTreeMap<Place, Condition>,
    problems: &mut Problems,
) -> Option<ConnectionName> {
    let node = members.maybe("connection")?;
    let name = node.parsed(problem::VALUE, problems)?;
    let Some(address) = &definition.connects_at else {
        let message = format!("`{}` uses no connection; leave this out", definition.name);
        problems.add(problem::CONNECTION_UNFIT, &node.at, message);
        return None;
    };
    let at_address = conditions.get(&Place::Argument(address.clone()));
    let names_hosts = at_address.is_some_and(|condition| condition.comparison.names_destinations());
    if !names_hosts {
        let message = format!(
            "a credential goes to hosts that the contract names and to no others; add a condition on `{address}` with \
             `equals`, `one_of` or `prefix`"
        );
        problems.add(problem::CONNECTION_UNFIT, &node.at, message);
    }
    Some(name)
}

/// Reads the bound rows, and tells also the names of those that have other problems, so that one mistake is told once.
fn bind(
    node: Option<Node<'_>>,
    vocabulary: &dyn Vocabulary,
    problems: &mut Problems,
) -> (BTreeMap<RowName, Bind>, BTreeSet<RowName>) {
    let (mut binds, mut named) = (BTreeMap::new(), BTreeSet::new());
    for (text, node) in node.map(|node| node.entries(BINDS_MAX, problems)).unwrap_or_default() {
        let name: RowName = match text.parse() {
            Ok(name) => name,
            Err(error) => {
                let error: crate::contract::place::MalformedRowName = error;
                problems.add(problem::VALUE, &node.at, echo(&error.to_string()));
                continue;
            }
        };
        named.insert(name.clone());
        if let Some(bind) = row(&node, vocabulary, problems) {
            binds.insert(name, bind);
        }
    }
    (binds, named)
}

fn row(node: &Node<'_>, vocabulary: &dyn Vocabulary, problems: &mut Problems) -> Option<Bind> {
    let members = node.members(&["row_of", "at", "where"], problems)?;
    let tool_node = members.need("row_of", problems);
    let at_node = members.need("at", problems);
    let tool_node = tool_node?;
    if tool_node.value.as_str().and_then(|text| text.parse::<Name>().ok()).is_some_and(|name| name.is_host_tool()) {
        let message = "what a script has written itself vouches for nothing; bind rows that come from outside";
        problems.add(problem::BIND_UNFIT, &tool_node.at, message);
        return None;
    }
    let definition = tool(&tool_node, vocabulary, problems)?;
    if definition.is_effect() {
        let message = format!("`{}` changes something; rows come from tools that read", definition.name);
        problems.add(problem::BIND_UNFIT, &tool_node.at, message);
        return None;
    }
    let conditions = conditions(members.maybe("where"), definition, &BTreeSet::new(), problems);
    let at = result_place(&at_node?, definition, problems)?;
    Some(Bind { row_of: definition.name.clone(), at, conditions })
}

/// A place in a result. Where the result wraps the data, a place that the wrapping does not have counts from the data.
fn result_place(node: &Node<'_>, definition: &Definition, problems: &mut Problems) -> Option<Pointer> {
    // The empty pointer is the whole result.
    let text = if node.value.as_str() == Some("") { "" } else { node.text(TEXT_MAX, problems)? };
    let pointer = match text.parse::<Pointer>() {
        Ok(pointer) => pointer,
        Err(error) => {
            problems.add(problem::POINTER_MALFORMED, &node.at, echo(&error.to_string()));
            return None;
        }
    };
    let in_data = definition.data.as_ref().map(|data| data.join(&pointer));
    let candidates = std::iter::once(pointer).chain(in_data);
    let found = candidates.into_iter().find(|pointer| definition.has_result(pointer));
    if found.is_none() {
        let message = format!("`{}` reads nothing that has a place `{}`", definition.name, echo(text));
        problems.add(problem::POINTER_UNKNOWN, &node.at, message);
    }
    found
}
