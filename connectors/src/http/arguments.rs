//! What scripts may put into a request.

use std::collections::BTreeMap;

use intents::pointer::Pointer;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::numbers::AsText;
use crate::{Code, Error};

/// Headers that belong to the connection, not to the message, or that the gateway sets.
const HEADERS_OF_OURS: [&str; 12] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-steward-effect",
];

/// `numbers_as_text`: all of them, or those at these places.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum NumbersAsText {
    All(bool),
    At(Vec<Pointer>),
}

impl NumbersAsText {
    pub(super) fn into_rule(self) -> AsText {
        match self {
            Self::All(true) => AsText::All,
            Self::All(false) => AsText::None,
            Self::At(pointers) => AsText::At(pointers),
        }
    }
}

/// Reads an address and adds the query to it.
pub(super) fn url(text: &str, query: &BTreeMap<String, Value>) -> Result<Url, Error> {
    let mut url = exact_url(text)?;
    for (name, value) in query {
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| add_to_query(&mut url, name, item))?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                add_to_query(&mut url, name, value)?;
            }
        }
    }
    url.set_fragment(None);
    Ok(url)
}

/// Reads an address that is written the way it is sent.
///
/// The gate compares the address as the script wrote it. One that changes its meaning on the way out
/// (`/invoices/../admin`, a backslash, a tab) would pass a clause that it does not keep.
fn exact_url(text: &str) -> Result<Url, Error> {
    let bad = |message: &str| Error::new(Code::EgressUrl, message);
    let url: Url = text.parse().map_err(|_| bad("the address is not a URL"))?;
    let written = url.as_str();
    if written != text && written.strip_suffix('/') != Some(text) {
        return Err(bad("the address is not in its normal form; `new URL(address).href` gives it"));
    }
    // Some servers decode a path before they resolve it.
    let decoded = url.path().to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    if decoded.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(bad("the path of the address leads upwards"));
    }
    Ok(url)
}

fn add_to_query(url: &mut Url, name: &str, value: &Value) -> Result<(), Error> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => intents::canonical::to_string(value),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(Error::new(Code::ArgumentsInvalid, "a value of a query is a text, a number or a boolean"));
        }
    };
    url.query_pairs_mut().append_pair(name, &text);
    Ok(())
}

/// Reads headers.
pub(super) fn headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let refused = |why: &str| Error::new(Code::HeaderNotAllowed, format!("the header `{}` {why}", printable(name)));
        let parsed: HeaderName = name.parse().map_err(|_| refused("has no valid name"))?;
        if HEADERS_OF_OURS.contains(&parsed.as_str()) || parsed.as_str().starts_with("proxy-") {
            return Err(refused("is not for scripts to set"));
        }
        let value = HeaderValue::from_str(value).map_err(|_| refused("has a value with control characters"))?;
        if headers.insert(parsed, value).is_some() {
            return Err(refused("is given twice"));
        }
    }
    Ok(headers)
}

fn printable(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(60).collect()
}

/// The schema of `url`.
pub(super) fn url_schema() -> Value {
    json!({ "type": "string", "format": "uri", "minLength": 1, "maxLength": 8192, "description": "An http or https address." })
}

/// The schema of `headers`.
pub(super) fn headers_schema() -> Value {
    json!({ "type": "object", "maxProperties": 50, "additionalProperties": { "type": "string", "maxLength": 8192 } })
}

/// The schema of `query`.
pub(super) fn query_schema() -> Value {
    let plain = json!({ "type": ["string", "number", "boolean"] });
    json!({
        "type": "object",
        "description": "Added to the address; an array repeats its name.",
        "maxProperties": 100,
        "additionalProperties": { "anyOf": [plain, { "type": "array", "items": plain, "maxItems": 1000 }] }
    })
}

/// The schema of `as`.
pub(super) fn form_schema() -> Value {
    json!({ "type": "string", "enum": ["auto", "json", "text", "base64"], "description": "auto: JSON where the service says so, else text." })
}

/// The schema of `numbers_as_text`.
pub(super) fn numbers_schema() -> Value {
    json!({
        "description": "true: every number of a JSON answer arrives as text; or the places where it does, such as /items/*/id. \
                        A number that no double holds exactly is refused elsewhere.",
        "anyOf": [{ "type": "boolean" }, { "type": "array", "items": { "type": "string" }, "maxItems": 100 }]
    })
}

/// The schema of what both tools give back.
pub(super) fn result_schema() -> Value {
    crate::schema::object(
        json!({
            "status": { "type": "integer", "minimum": 100, "maximum": 599 },
            "url": { "type": "string", "description": "Where the answer came from." },
            "headers": { "type": "object", "additionalProperties": { "type": "string" }, "description": "Names in lower case." },
            "json": crate::schema::anything("The body, if it is JSON."),
            "text": { "type": "string", "description": "The body, if it is other text." },
            "base64": { "type": "string", "description": "The body, if bytes were asked for." },
            "unread": { "type": "string", "description": "Why the body of an applied effect is not here: a code." }
        }),
        &["status", "url", "headers"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_a_fragment_dropped() {
        let query = BTreeMap::from([("q".to_owned(), json!("a b&c")), ("tag".to_owned(), json!([1, true, "x"]))]);
        let url = url("https://books.example/api?x=1#top", &query).unwrap();
        assert_eq!(url.as_str(), "https://books.example/api?x=1&q=a+b%26c&tag=1&tag=true&tag=x");
    }

    #[test]
    fn an_address_is_sent_as_it_was_compared() {
        for text in
            ["https://books.example", "https://books.example/", "http://a.example:81/x?y=1&z", "https://a.example/%7Ea"]
        {
            assert!(exact_url(text).is_ok(), "{text}");
        }
        for text in [
            "https://books.example/api/../admin",
            "https://books.example/api/%2e%2E/admin",
            "https://books.example/api/..%2fadmin",
            "https://books.example/api/..%5Cadmin",
            "https://books.example/api/./x",
            "https://books.example\\@evil.example/",
            "https:books.example/",
            "https:///books.example/",
            " https://books.example/",
            "https://books.example/a\tb",
            "https://BOOKS.example/",
            "https://books.example:443/",
            "https://books.example/a b",
            "http://0x7f.1/",
            "http://2130706433/",
        ] {
            assert_eq!(exact_url(text).unwrap_err().code(), Code::EgressUrl, "{text}");
        }
    }

    #[test]
    fn headers_that_would_forge_a_request_are_refused() {
        for (name, value) in [
            ("Host", "evil.example"),
            ("Content-Length", "0"),
            ("Transfer-Encoding", "chunked"),
            ("X-Steward-Effect", "1"),
            ("Proxy-Authorization", "x"),
            ("X-A", "1\r\nX-B: 2"),
            ("X A", "1"),
            ("", "1"),
        ] {
            let given = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            assert_eq!(headers(&given).unwrap_err().code(), Code::HeaderNotAllowed, "{name}");
        }
        let twice = BTreeMap::from([("X-A".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())]);
        assert!(headers(&twice).is_err());
    }
}
