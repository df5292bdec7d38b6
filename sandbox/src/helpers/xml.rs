//! XML as a tree of `{ name, namespace?, attrs, text, children }`.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value, json};

use crate::helpers::Problem;

/// More elements than fit into a script's memory.
const NODES_MAX: u32 = 400_000;
/// Deeper documents are built to be deep.
const DEPTH_MAX: usize = 128;

/// Reads a document without a DTD.
pub(crate) fn parse(text: &str) -> Result<String, Problem> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| Problem::at(error.pos().row, format!("the text is no XML: {error}")))?;
    Ok(element(document.root_element(), 0)?.to_string())
}

fn element(node: Node<'_, '_>, depth: usize) -> Result<Value, Problem> {
    if depth > DEPTH_MAX {
        return Err(Problem::new(format!("elements are nested deeper than {DEPTH_MAX} levels")));
    }
    let attrs: Map<String, Value> =
        node.attributes().map(|attribute| (attribute.name().to_owned(), attribute.value().into())).collect();
    let text: String = node.children().filter(Node::is_text).filter_map(|child| child.text()).collect();
    let children: Result<Vec<Value>, Problem> =
        node.children().filter(Node::is_element).map(|child| element(child, depth + 1)).collect();
    let mut value =
        json!({ "name": node.tag_name().name(), "attrs": attrs, "text": text.trim(), "children": children? });
    if let (Some(namespace), Some(members)) = (node.tag_name().namespace(), value.as_object_mut()) {
        members.insert("namespace".to_owned(), namespace.into());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_plain_data() {
        let parsed: Value = serde_json::from_str(&parse("<a x='1'> hi <b xmlns='urn:n'/></a>").unwrap()).unwrap();
        assert_eq!(parsed["attrs"]["x"], "1");
        assert_eq!(parsed["text"], "hi");
        assert_eq!(parsed["children"][0]["namespace"], "urn:n");
    }

    #[test]
    fn what_is_no_xml_says_where() {
        assert_eq!(parse("<a>\n<b></a>").unwrap_err().line, Some(2));
        assert!(parse("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").is_err());
        assert!(parse(&"<a>".repeat(10_000)).is_err());
    }
}
