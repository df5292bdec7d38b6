//! What several clauses hold: tools, places in their arguments, lengths of time.

use serde_json::Value;

use crate::contract::read::{Node, Problems, advice, echo};
use crate::contract::{Vocabulary, problem};
use crate::pointer::Pointer;
use crate::time::Span;
use crate::tool::{Definition, Name};

/// Counts beyond this are no bounds.
pub(super) const COUNT_MAX: u32 = 1_000_000;
/// Texts in clauses.
pub(super) const TEXT_MAX: usize = crate::contract::read::TEXT_MAX;

/// Reads the name of a tool that exists.
pub(super) fn tool<'d>(
    node: &Node<'_>,
    vocabulary: &'d dyn Vocabulary,
    problems: &mut Problems,
) -> Option<&'d Definition> {
    let text = node.text(TEXT_MAX, problems)?;
    let name = text.parse::<Name>().ok();
    if name.as_ref().is_some_and(Name::is_host_tool) {
        let message = format!("every script may use `{}`; leave the clause out", echo(text));
        problems.add(problem::TOOL_ALWAYS_ALLOWED, &node.at, message);
        return None;
    }
    let definition = name.as_ref().and_then(|name| vocabulary.definition(name));
    if definition.is_none() {
        let advice = advice(text, vocabulary.names().into_iter().map(Name::as_str));
        let message = format!("there is no tool `{}`; {advice}`steward tools list` shows all", echo(text));
        problems.add(problem::TOOL_UNKNOWN, &node.at, message);
    }
    definition
}

/// Reads a place in a tool's arguments.
pub(super) fn argument(text: &str, at: &str, definition: &Definition, problems: &mut Problems) -> Option<Pointer> {
    match text.parse::<Pointer>() {
        Err(error) => {
            problems.add(problem::POINTER_MALFORMED, at, echo(&error.to_string()));
            None
        }
        Ok(pointer) if pointer.segments().is_empty() || !definition.has_argument(&pointer) => {
            let properties = definition.arguments.get("properties").and_then(Value::as_object);
            let known: Vec<_> = properties.into_iter().flatten().map(|(name, _)| format!("/{name}")).collect();
            let advice = advice(text, known.iter().map(String::as_str));
            let message = format!(
                "`{}` has no argument at `{}`; {advice}its arguments are {}",
                definition.name,
                echo(text),
                known.join(", ")
            );
            problems.add(problem::POINTER_UNKNOWN, at, message);
            None
        }
        Ok(pointer) => Some(pointer),
    }
}

pub(super) fn span(node: Option<Node<'_>>, problems: &mut Problems) -> Option<Span> {
    node.and_then(|node| node.parsed(problem::SPAN_MALFORMED, problems))
}
