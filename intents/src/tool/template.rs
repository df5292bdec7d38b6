//! Templates of labels: `http:{/url#host}` names the host of the address at `/url`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Name;
use crate::contract::{Address, alike, bare_address};
use crate::label::Label;
use crate::pointer::Pointer;

/// The labels that a template gives with these arguments: one for each value at its place and at those that hold more
/// of the same. None where a value is not what the template reads, or where nothing is there.
pub(super) fn expand(template: &str, tool: &Name, arguments: &Value) -> Option<BTreeSet<Label>> {
    let (before, rest) = template.split_once('{')?;
    let (hole, after) = rest.split_once('}')?;
    let (pointer, part) = hole.split_once('#').unwrap_or((hole, ""));
    let pointer: Pointer = pointer.parse().ok()?;
    let further = alike(tool, &pointer);
    let values = std::iter::once(&pointer).chain(&further).flat_map(|pointer| pointer.select(arguments));
    let mut labels = BTreeSet::new();
    for value in values {
        let items = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
        };
        for item in items {
            let text = item.as_str()?;
            let name = match part {
                "" => text.to_owned(),
                "host" => Address::parse(text).ok()?.host().to_owned(),
                "domain" => bare_address(text)?.split_once('@')?.1.to_owned(),
                _ => return None,
            };
            labels.insert(Label(format!("{before}{name}{after}")));
        }
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(template: &str, tool: &str, arguments: Value) -> Option<Vec<String>> {
        let labels = expand(template, &tool.parse().unwrap(), &arguments)?;
        Some(labels.into_iter().map(|label| label.0).collect())
    }

    #[test]
    fn a_label_names_where_data_goes() {
        let host = |url: &str| labels("http:{/url#host}", "http.get", json!({ "url": url }));
        assert_eq!(host("https://books.example:8443/a"), Some(vec!["http:books.example".to_owned()]));
        // What two programs could read in two ways has no name.
        assert_eq!((host("https://Books.example/a"), host("books")), (None, None));
        let mail = |arguments| labels("mail:{/to#domain}", "email.send", arguments);
        let copied = json!({ "to": ["a@One.example"], "cc": "B <b@two.example>" });
        assert_eq!(mail(copied), Some(vec!["mail:one.example".to_owned(), "mail:two.example".to_owned()]));
        assert_eq!(mail(json!({ "to": ["a@one.example", "nobody"] })), None);
        assert_eq!(
            labels("folder:{/folder}", "files.read", json!({ "folder": "in" })),
            Some(vec!["folder:in".to_owned()])
        );
    }
}
