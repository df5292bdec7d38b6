//! `http.get`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use intents::tool::{Definition, Kind, Shape};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ANSWER_BYTES_MAX;
use super::arguments::{self, NumbersAsText};
use super::body::{self, Form};
use super::numbers::AsText;
use super::status::{Meaning, of_read, retry_after_ms};
use super::way::{Way, labelled};
use crate::egress::{Answer, Body, Egress, Manner, Outgoing};
use crate::schema::{answer, definition, failure, object};
use crate::vault::Vault;
use crate::{Call, Code, Error, Fault, Performed, Tool};

/// More of a refusal's body than this tells nobody anything.
const REFUSAL_CHARS_MAX: usize = 4096;

/// Reads from a web service.
pub struct HttpGet {
    definition: Definition,
    way: Way,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default, rename = "as")]
    form: Form,
    numbers_as_text: Option<NumbersAsText>,
}

impl HttpGet {
    /// Makes the tool.
    pub fn new(egress: Arc<Egress>, vault: Arc<Vault>) -> Self {
        let definition = Definition {
            shape: Shape::Open,
            arguments: object(
                json!({
                    "url": arguments::url_schema(),
                    "headers": arguments::headers_schema(),
                    "query": arguments::query_schema(),
                    "as": arguments::form_schema(),
                    "numbers_as_text": arguments::numbers_schema()
                }),
                &["url"],
            ),
            result: arguments::result_schema(),
            errors: [
                vec![
                    answer("not_found", "there is nothing at this address (404)"),
                    answer("gone", "what was at this address is gone for good (410)"),
                    answer("conflict", "the state of the resource does not allow this (409, 412)"),
                    answer("rejected", "the service rejected the request (any other 4xx)"),
                ],
                super::request::failures().to_vec(),
                [Code::HttpServerError, Code::EgressRedirect, Code::ResponseTooLarge, Code::ResponseNotText]
                    .into_iter()
                    .chain([Code::ResponseNotJson, Code::NumberNotExact, Code::HttpTimeout, Code::HttpConnectionLost])
                    .map(failure)
                    .collect(),
            ]
            .concat(),
            redacted: super::request::redacted(),
            label: Some("http:{/url#host}".to_owned()),
            leaves_machine: true,
            sink: Some("http:{/url#host}".to_owned()),
            data: Some(super::pointer("/json")),
            connects_at: Some(super::pointer("/url")),
            timeout_ms: 60_000,
            example: json!({ "url": "https://books.example/api/invoices", "query": { "status": "unpaid" } }),
            ..definition(
                "http.get",
                "Reads from a web service, following redirects as far as the contract allows.",
                Kind::Read,
            )
        };
        Self { definition, way: Way::new(egress, vault) }
    }
}

#[async_trait]
impl Tool for HttpGet {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let arguments: Arguments = call.parse()?;
        let outgoing = Outgoing {
            method: Method::GET,
            url: arguments::url(&arguments.url, &arguments.query)?,
            headers: arguments::headers(&arguments.headers)?,
            body: None,
            manner: Manner::Read(call.grants.allows_url.as_ref()),
            deadline: call.deadline,
            private_hosts: &call.grants.private_hosts,
            credential: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
            trace_parent: call.trace_parent.as_deref(),
        };
        let answer = self.way.send(call, outgoing).await.map_err(|fault| fault.error)?;
        let as_text = arguments.numbers_as_text.map(NumbersAsText::into_rule).unwrap_or_default();
        let label = label(&answer);
        Ok(labelled(read(answer, arguments.form, &as_text, call)?, label, call))
    }
}

/// What an answer to a read means.
pub(super) fn read(answer: Answer, form: Form, as_text: &AsText, call: &Call) -> Result<Performed, Error> {
    let host = host(&answer);
    match of_read(answer.status) {
        Meaning::Done => {
            let mut result = head(&answer);
            let bytes = match answer.body {
                Body::Whole(bytes) => bytes,
                Body::TooLarge => return Err(too_large()),
                Body::Broken(error) => return Err(error),
            };
            body::add(&mut result, &answer.headers, &bytes, form, as_text)?;
            Ok(Performed::value(Value::Object(result)))
        }
        Meaning::Refused(code) => Ok(refusal(code, &answer)),
        meaning @ (Meaning::Unauthorised | Meaning::Forbidden | Meaning::Busy) => {
            Err(turned_away(meaning, &answer, call))
        }
        Meaning::Failed | Meaning::Ambiguous => {
            let message = format!("`{host}` answered with status {}", answer.status);
            Err(Error::new(Code::HttpServerError, message).retry_after(retry_after_ms(&answer.headers, call.now)))
        }
    }
}

/// The members of a result that every answer has.
pub(super) fn head(answer: &Answer) -> Map<String, Value> {
    let mut headers = BTreeMap::<&str, String>::new();
    for (name, value) in &answer.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str())
            .and_modify(|all| *all = format!("{all}, {value}"))
            .or_insert_with(|| value.to_string());
    }
    // A cookie is a credential of the service's making.
    headers.remove("set-cookie");
    Map::from_iter([
        ("status".to_owned(), Value::from(answer.status)),
        ("url".to_owned(), Value::from(answer.url.as_str())),
        ("headers".to_owned(), json!(headers)),
    ])
}

/// The domain answer that a status stands for, with what the service said about it.
pub(super) fn refusal(code: &str, answer: &Answer) -> Performed {
    let mut data = Map::from_iter([("status".to_owned(), Value::from(answer.status))]);
    if let Some(location) = answer.headers.get("location").and_then(|value| value.to_str().ok()) {
        data.insert("location".to_owned(), Value::from(location));
    }
    if let Body::Whole(bytes) = &answer.body {
        let mut said = Map::new();
        // What cannot be read is left out: the refusal is what counts.
        if bytes.len() <= REFUSAL_CHARS_MAX
            && body::add(&mut said, &answer.headers, bytes, Form::Auto, &AsText::None).is_ok()
        {
            data.append(&mut said);
        } else {
            let text: String = String::from_utf8_lossy(bytes).chars().take(REFUSAL_CHARS_MAX).collect();
            data.insert("text".to_owned(), Value::from(text));
        }
    }
    Performed::refused(code, format!("`{}` answered with status {}", host(answer), answer.status), Value::Object(data))
}

/// The error for an answer that turns a request away without having looked at it.
pub(super) fn turned_away(meaning: Meaning, answer: &Answer, call: &Call) -> Error {
    let host = host(answer);
    let (code, what) = match meaning {
        Meaning::Unauthorised => (Code::HttpAuth, "refused the credentials"),
        Meaning::Forbidden => (Code::HttpForbidden, "does not allow this"),
        Meaning::Busy => (Code::HttpBusy, "asked to come back later"),
        Meaning::Done | Meaning::Refused(_) | Meaning::Failed | Meaning::Ambiguous => {
            (Code::ConnectorInternal, "was misunderstood")
        }
    };
    Error::new(code, format!("`{host}` {what} (status {})", answer.status))
        .retry_after(retry_after_ms(&answer.headers, call.now))
}

pub(super) fn too_large() -> Error {
    Error::new(Code::ResponseTooLarge, format!("the answer has more than {ANSWER_BYTES_MAX} bytes"))
}

fn host(answer: &Answer) -> String {
    answer.url.host_str().unwrap_or_default().to_owned()
}

/// Where the data of an answer came from.
pub(super) fn label(answer: &Answer) -> String {
    format!("http:{}", host(answer))
}
