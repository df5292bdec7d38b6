//! HTML by CSS selectors.

use std::cell::RefCell;

use scraper::{Html, Selector};
use serde_json::{Map, Value, json};

use crate::helpers::Problem;

/// More matches of one selector are a mistake in the selector.
const MATCHES_MAX: usize = 10_000;

thread_local! {
    /// The document that was read last: a script asks for one thing after another in the same page.
    static LAST: RefCell<Option<(String, Html)>> = const { RefCell::new(None) };
}

/// Selects elements, in the order of the document.
pub(crate) fn select(text: &str, css: &str) -> Result<String, Problem> {
    let selector = Selector::parse(css).map_err(|_| Problem::new(format!("`{css}` is no CSS selector")))?;
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(read, _)| read != text) {
            *last = Some((text.to_owned(), Html::parse_document(text)));
        }
        let Some((_, document)) = last.as_ref() else { return Ok("[]".to_owned()) };
        let mut matches = Vec::new();
        for element in document.select(&selector) {
            if matches.len() == MATCHES_MAX {
                return Err(Problem::new(format!("`{css}` matches more than {MATCHES_MAX} elements")));
            }
            let attrs: Map<String, Value> =
                element.value().attrs().map(|(name, value)| (name.to_owned(), value.into())).collect();
            let text: String = element.text().collect();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let tag = element.value().name();
            matches.push(json!({ "tag": tag, "text": text, "attrs": attrs, "html": element.html() }));
        }
        Ok(Value::Array(matches).to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_in_the_order_of_the_document() {
        let page = "<ul><li class=a>one <b>two</b></li><li id=x class=a>three";
        let found: Value = serde_json::from_str(&select(page, "li.a").unwrap()).unwrap();
        assert_eq!(found[0]["text"], "one two");
        assert_eq!(found[1]["attrs"]["id"], "x");
        assert_eq!(select(page, "p").unwrap(), "[]");
        assert!(select(page, "li[").is_err());
    }
}
