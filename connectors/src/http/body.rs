//! What an answer carries, in the form that the script wants.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::numbers::{self, AsText};
use crate::{Code, Error};

/// The form that the script wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    /// JSON where the service says that it is, else text.
    #[default]
    Auto,
    /// JSON whatever the service says.
    Json,
    /// Text.
    Text,
    /// Bytes.
    Base64,
}

/// Adds the body to the members of a result, as `json`, `text` or `base64`; an empty one adds nothing.
pub(super) fn add(
    result: &mut Map<String, Value>,
    headers: &HeaderMap,
    bytes: &[u8],
    form: Form,
    as_text: &AsText,
) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    let content_type = content_type(headers);
    let json = match form {
        Form::Auto => is_json(&content_type),
        Form::Json => true,
        Form::Text => false,
        Form::Base64 => {
            result.insert("base64".to_owned(), Value::from(STANDARD.encode(bytes)));
            return Ok(());
        }
    };
    let text = decode(&content_type, bytes)?;
    if json {
        result.insert("json".to_owned(), numbers::parse(&text, as_text)?);
    } else {
        result.insert("text".to_owned(), Value::from(text));
    }
    Ok(())
}

fn content_type(headers: &HeaderMap) -> String {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}

fn is_json(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media == "application/json" || media.ends_with("+json") || media == "text/json"
}

/// Decodes text in the charset that the service declares, UTF-8 where it declares none.
fn decode(content_type: &str, bytes: &[u8]) -> Result<String, Error> {
    let declared = content_type
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("charset="))
        .map(|charset| charset.trim().trim_matches('"'))
        .next();
    let encoding = match declared {
        None => encoding_rs::UTF_8,
        Some(label) => encoding_rs::Encoding::for_label(label.as_bytes())
            .ok_or_else(|| Error::new(Code::ResponseNotText, "the answer declares an encoding that nobody knows"))?,
    };
    if encoding == encoding_rs::UTF_8 {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        return std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| not_text("UTF-8", Some(error.valid_up_to())));
    }
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| not_text(encoding.name(), None))
}

fn not_text(encoding: &str, at: Option<usize>) -> Error {
    let place = at.map(|at| format!(" from byte {at}")).unwrap_or_default();
    Error::new(Code::ResponseNotText, format!("the answer is not {encoding} text{place}; ask for it `as: \"base64\"`"))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    fn body(content_type: &'static str, bytes: &[u8], form: Form) -> Result<Value, Code> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let mut result = Map::new();
        add(&mut result, &headers, bytes, form, &AsText::None).map_err(|error| error.code())?;
        Ok(Value::Object(result))
    }

    #[test]
    fn bodies_arrive_in_the_form_that_was_asked_for() {
        let json_type = "application/problem+json; charset=utf-8";
        for (content_type, bytes, form, expected) in [
            (json_type, b"{\"a\":1}".as_slice(), Form::Auto, Ok(json!({ "json": { "a": 1 } }))),
            (json_type, b"{\"a\":1}", Form::Text, Ok(json!({ "text": "{\"a\":1}" }))),
            ("text/plain", b"\xef\xbb\xbf[]", Form::Json, Ok(json!({ "json": [] }))),
            ("text/html; charset=\"ISO-8859-1\"", b"caf\xe9", Form::Auto, Ok(json!({ "text": "café" }))),
            ("text/plain", b"caf\xe9", Form::Auto, Err(Code::ResponseNotText)),
            ("text/plain; charset=klingon", b"a", Form::Auto, Err(Code::ResponseNotText)),
            ("image/png", b"\x89PNG", Form::Base64, Ok(json!({ "base64": "iVBORw==" }))),
            ("application/json", b"oops", Form::Auto, Err(Code::ResponseNotJson)),
            ("application/json", b"", Form::Auto, Ok(json!({}))),
        ] {
            assert_eq!(body(content_type, bytes, form), expected, "{content_type}");
        }
    }
}
