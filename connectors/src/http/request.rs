//! `http.request`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use intents::outcome::Failure;
use intents::pointer::Pointer;
use intents::tool::{DeclaredError, Definition, Identity, Kind, Shape};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::ANSWER_BYTES_MAX;
use super::arguments::{self, NumbersAsText};
use super::body::{self, Form};
use super::get::{head, label, refusal, too_large, turned_away};
use super::numbers::AsText;
use super::status::{Meaning, of_effect, retry_after_ms};
use super::way::{Way, labelled};
use crate::egress::{Answer, Body, Egress, Manner, Outgoing, SendFault};
use crate::schema::{answer, anything, definition, failure, object};
use crate::vault::Vault;
use crate::{Call, Code, DeclaredIdentity, Error, Fault, Performed, Settlement, Tool};

/// Carries the identity of an effect, so that a service or a person can tell one request from another.
const EFFECT_HEADER: HeaderName = HeaderName::from_static("x-steward-effect");

/// Changes something at a web service.
pub struct HttpRequest {
    definition: Definition,
    pub(super) way: Way,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    pub(super) method: Verb,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    /// As it stands in the canonical bytes.
    json: Option<Box<RawValue>>,
    text: Option<String>,
    #[serde(default, rename = "as")]
    pub(super) form: Form,
    numbers_as_text: Option<NumbersAsText>,
}

impl Arguments {
    pub(super) fn as_text(&self) -> AsText {
        self.numbers_as_text.clone().map(NumbersAsText::into_rule).unwrap_or_default()
    }
}

/// The methods that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Verb {
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }

    /// What HTTP itself promises (RFC 9110, section 9.2.2) where the contract says nothing.
    pub(super) fn identity(self) -> Identity {
        match self {
            Self::Put | Self::Delete => Identity::Natural,
            Self::Post | Self::Patch => Identity::Blind,
        }
    }
}

impl HttpRequest {
    /// Makes the tool.
    pub fn new(egress: Arc<Egress>, vault: Arc<Vault>) -> Self {
        let definition = Definition {
            shape: Shape::Open,
            arguments: object(
                json!({
                    "method": { "type": "string", "enum": ["POST", "PUT", "PATCH", "DELETE"] },
                    "url": arguments::url_schema(),
                    "headers": arguments::headers_schema(),
                    "query": arguments::query_schema(),
                    "json": anything("The body as JSON."),
                    "text": { "type": "string", "maxLength": ANSWER_BYTES_MAX, "description": "The body as text." },
                    "as": arguments::form_schema(),
                    "numbers_as_text": arguments::numbers_schema()
                }),
                &["method", "url"],
            ),
            result: arguments::result_schema(),
            errors: [
                vec![
                    answer("not_found", "there is nothing at this address (404)"),
                    answer("gone", "what was at this address is gone for good (410)"),
                    answer("conflict", "the state of the resource does not allow this (409, 412)"),
                    answer("moved", "the same request is to be made at another address (307, 308)"),
                    answer("rejected", "the service rejected the request (any other 4xx)"),
                ],
                failures(),
                vec![failure(Code::HttpTimeout), failure(Code::HttpUncertain)],
            ]
            .concat(),
            redacted: redacted(),
            label: Some("http:{/url#host}".to_owned()),
            leaves_machine: true,
            sink: Some("http:{/url#host}".to_owned()),
            data: Some(super::pointer("/json")),
            connects_at: Some(super::pointer("/url")),
            timeout_ms: 60_000,
            example: json!({ "method": "POST", "url": "https://books.example/api/reminders", "json": { "invoice": "A-17" } }),
            ..definition(
                "http.request",
                "Changes something at a web service. Redirects are not followed.",
                // The worst that may be; `identity` knows more once it sees the method and the contract.
                Kind::Effect(Identity::Blind),
            )
        };
        Self { definition, way: Way::new(egress, vault) }
    }

    pub(super) async fn send(&self, call: &Call, arguments: &Arguments) -> Result<Answer, SendFault> {
        let before = |error| SendFault { error, left: false };
        let identity = call.identity().map_err(before)?.to_string();
        let mut headers = arguments::headers(&arguments.headers).map_err(before)?;
        let body = payload(arguments, &mut headers).map_err(before)?;
        headers.insert(EFFECT_HEADER, HeaderValue::from_str(&identity).expect("a digest prints as ASCII"));
        if let Some(DeclaredIdentity::Keyed { header, .. }) = &call.declared {
            let name: HeaderName = header.parse().map_err(|_| {
                before(Error::new(Code::HeaderNotAllowed, "the contract's idempotency header has no valid name"))
            })?;
            headers.insert(name, HeaderValue::from_str(&identity).expect("a digest prints as ASCII"));
        }
        let outgoing = Outgoing {
            method: arguments.method.method(),
            url: arguments::url(&arguments.url, &arguments.query).map_err(before)?,
            headers,
            body,
            manner: match &call.declared {
                Some(DeclaredIdentity::Keyed { .. }) => Manner::KeyedEffect,
                Some(DeclaredIdentity::Queryable { .. }) | None => Manner::Effect,
            },
            deadline: call.deadline,
            private_hosts: &call.grants.private_hosts,
            credential: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
            trace_parent: call.trace_parent.as_deref(),
        };
        self.way.send(call, outgoing).await
    }
}

#[async_trait]
impl Tool for HttpRequest {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn identity(&self, arguments: &Value, declared: Option<&DeclaredIdentity>) -> Option<Identity> {
        let verb = arguments.get("method").and_then(|method| Verb::deserialize(method).ok());
        Some(match declared {
            Some(declared) => declared.identity(),
            None => verb.map_or(Identity::Blind, Verb::identity),
        })
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let arguments: Arguments = call.parse()?;
        let answer = self.send(call, &arguments).await.map_err(|fault| {
            if fault.left { Fault::uncertain(Code::HttpUncertain, fault.error.to_string()) } else { fault.error.into() }
        })?;
        let label = label(&answer);
        judge(answer, &arguments, call).map(|performed| labelled(performed, label, call))
    }

    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        super::settle::settle(self, call).await
    }
}

/// What the first answer to an effect means.
fn judge(answer: Answer, arguments: &Arguments, call: &Call) -> Result<Performed, Fault> {
    let retry_after = retry_after_ms(&answer.headers, call.now);
    let meaning = of_effect(answer.status, retry_after.is_some());
    match meaning {
        Meaning::Done => done(&answer, arguments.form, &arguments.as_text()),
        Meaning::Refused(code) => Ok(refusal(code, &answer)),
        Meaning::Unauthorised | Meaning::Forbidden | Meaning::Busy => {
            Err(Fault::nothing_done(&turned_away(meaning, &answer, call)))
        }
        Meaning::Failed | Meaning::Ambiguous => {
            let message =
                format!("the service answered with status {}, which does not say whether it was done", answer.status);
            Err(Fault::uncertain(Code::HttpUncertain, message))
        }
    }
}

/// The result of an effect that was carried out. A body that cannot be read does not undo it.
pub(super) fn done(answer: &Answer, form: Form, as_text: &AsText) -> Result<Performed, Fault> {
    let mut result = head(answer);
    let added = match &answer.body {
        Body::Whole(bytes) => body::add(&mut result, &answer.headers, bytes, form, as_text),
        Body::TooLarge => Err(too_large()),
        Body::Broken(error) => return Err(Fault::uncertain(Code::HttpUncertain, error.to_string())),
    };
    if let Err(error) = added {
        result.insert("unread".to_owned(), Value::from(error.code().as_str()));
    }
    Ok(Performed::value(Value::Object(result)))
}

/// The bytes of the body, which derive from the canonical arguments alone.
fn payload(arguments: &Arguments, headers: &mut HeaderMap) -> Result<Option<Bytes>, Error> {
    let (bytes, content_type) = match (&arguments.json, &arguments.text) {
        (None, None) => return Ok(None),
        (Some(json), None) => (json.get().to_owned(), "application/json"),
        (None, Some(text)) => (text.clone(), "text/plain; charset=utf-8"),
        (Some(_), Some(_)) => {
            return Err(Error::new(Code::ArgumentsInvalid, "a request carries `json` or `text`, not both"));
        }
    };
    headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
    Ok(Some(bytes.into()))
}

pub(super) fn server_failed(answer: &Answer) -> Error {
    Error::new(Code::HttpServerError, format!("the service answered with status {}", answer.status))
}

/// The failures that both tools share, all of which prove that nothing was done.
pub(super) fn failures() -> Vec<DeclaredError> {
    [
        Code::ArgumentsInvalid,
        Code::HeaderNotAllowed,
        Code::EgressUrl,
        Code::EgressScheme,
        Code::EgressPrivateAddress,
        Code::EgressUnresolved,
        Code::EgressUnreachable,
        Code::EgressCertificate,
        Code::EgressRateLimited,
        Code::HttpBusy,
        Code::HttpAuth,
        Code::SecretMissing,
        Code::HttpForbidden,
        Code::ConnectorInternal,
    ]
    .map(failure)
    .to_vec()
}

/// Places that hold credentials, if a script was given some.
pub(super) fn redacted() -> Vec<Pointer> {
    ["Authorization", "authorization", "Cookie", "cookie", "X-Api-Key", "x-api-key"]
        .map(|name| format!("/arguments/headers/{name}").parse().expect("a pointer of ours is well formed"))
        .to_vec()
}
