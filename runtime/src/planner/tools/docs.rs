//! `tool_docs`.

use connectors::catalogue::declaration;
use intents::tool::Name;
use serde::Deserialize;

use super::{Carried, Desk, Tool};

/// Tools that are declared at a time.
const NAMES_MAX: usize = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Docs {
    names: Vec<String>,
}

pub(super) fn docs(desk: &Desk<'_>, docs: &Docs) -> Carried {
    let mut page = String::new();
    let mut known = Vec::new();
    for name in docs.names.iter().take(NAMES_MAX) {
        match name.parse::<Name>().ok().and_then(|name| desk.app.catalogue.get(&name)) {
            Some(entry) => {
                page.push_str(&declaration(entry.definition()));
                known.push(entry.definition().name.to_string());
            }
            None => {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                page.push_str(&format!("// There is no tool `{shown}`; search_tools finds those that there are.\n"));
            }
        }
        page.push('\n');
    }
    let line =
        if known.is_empty() { "found no such tool".to_owned() } else { format!("read about {}", known.join(", ")) };
    Carried::new(Tool::Docs, !known.is_empty(), page, line)
}
