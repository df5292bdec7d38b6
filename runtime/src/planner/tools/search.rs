//! `search_tools`.

use intents::tool::Definition;
use serde::Deserialize;

use super::{Carried, Desk, Tool};

/// Tools that are named at a time.
const FOUND_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    query: String,
}

pub(super) fn search(desk: &Desk<'_>, search: &Search) -> Carried {
    let query = search.query.to_lowercase();
    let words: Vec<_> = query.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2).collect();
    let mut found: Vec<_> = desk
        .app
        .catalogue
        .definitions()
        .map(|definition| (fit(definition, &words), definition))
        .filter(|(fit, _)| words.is_empty() || *fit > 0)
        .collect();
    // The order of the catalogue decides where two fit alike.
    found.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
    let lines: Vec<_> = found
        .iter()
        .take(FOUND_MAX)
        .map(|(_, definition)| {
            let kind = if definition.is_effect() { "effect" } else { "read" };
            format!("{} ({kind}): {}", definition.name, definition.summary)
        })
        .collect();
    let text = if lines.is_empty() {
        "No tool fits. An empty query lists all; what is not there cannot be done.".to_owned()
    } else {
        lines.join("\n")
    };
    let shown: String = search.query.chars().filter(|c| !c.is_control()).take(60).collect();
    let line =
        if shown.is_empty() { "looked through all tools".to_owned() } else { format!("looked for tools: {shown}") };
    Carried::new(Tool::Search, true, text, line)
}

/// How well a tool fits: a word in its name counts more than one in what it does.
fn fit(definition: &Definition, words: &[&str]) -> usize {
    let (name, summary) = (definition.name.as_str().to_lowercase(), definition.summary.to_lowercase());
    words.iter().map(|word| 3 * usize::from(name.contains(word)) + usize::from(summary.contains(word))).sum()
}
