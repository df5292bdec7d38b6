//! The way to an endpoint: under the library that speaks its language, and over the one way out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use connectors::Code as OfConnector;
use connectors::egress::{Egress, HostPort, SendFault};
use connectors::vault::Secret;
use futures_util::StreamExt;
use intents::model::{Problem, judge};
use intents::redact::{MASK, Policy, redact_text};
use reqwest::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Body, Response};
use serde_json::Value;

/// Bytes of one answer as it comes, with all that is around its text: some thirty times the longest text.
const BODY_BYTES_MAX: usize = 128 << 20;
/// An error page is not read further.
const ERROR_BYTES_MAX: usize = 16 * 1024;
/// What is repeated of what an endpoint says.
const SAYS_BYTES_MAX: usize = 300;
/// An endpoint that asks for a longer wait is not waited for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Why a call brought no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallFault {
    pub(super) problem: Problem,
    /// The wait that the endpoint asked for.
    pub(super) retry_after: Option<Duration>,
    /// What the endpoint said, without what looks like a secret.
    pub(super) says: String,
}

impl CallFault {
    pub(super) fn new(problem: Problem, says: impl Into<String>) -> Self {
        Self { problem, retry_after: None, says: says.into() }
    }

    /// What an endpoint says in the member `error` of an answer.
    pub(super) fn said(problem: Problem, error: &Value) -> Self {
        let text = error["message"].as_str().or_else(|| error.as_str()).unwrap_or_default();
        Self::new(problem, redacted(text))
    }
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}

impl std::error::Error for CallFault {}

/// A short copy of a text on one line, without what looks like a secret or points to people.
fn redacted(text: &str) -> String {
    let text = redact_text(&text[..text.floor_char_boundary(ERROR_BYTES_MAX)], Policy::People);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line[..line.floor_char_boundary(SAYS_BYTES_MAX)].to_owned()
}

/// The way to one endpoint.
pub(super) struct Way {
    pub(super) egress: Arc<Egress>,
    pub(super) key: Option<Secret>,
    /// Private hosts that this provider may reach.
    pub(super) private_hosts: Vec<HostPort>,
}

impl Way {
    /// Sends what the library made, and gives an answer that is one: anything else is an error of ours, so that the
    /// library neither reads nor logs it.
    pub(super) async fn send(&self, factory: HttpRequestFactory) -> Result<Response, OpenAIError> {
        let mut request = factory.build().await?;
        match request.headers_mut().get_mut(AUTHORIZATION) {
            Some(value) if self.key.is_some() => value.set_sensitive(true),
            Some(_) | None => drop(request.headers_mut().remove(AUTHORIZATION)),
        }
        let response = self.egress.open(request, &self.private_hosts).await;
        let response = response.map_err(|fault| boxed(unsent(&fault)))?;
        if response.status().is_success() {
            return Ok(bounded(response));
        }
        Err(boxed(self.refusal(response).await))
    }

    async fn refusal(&self, mut response: Response) -> CallFault {
        let (status, retry_after) = (response.status().as_u16(), wait_asked_for(response.headers()));
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ERROR_BYTES_MAX {
                bytes.truncate(ERROR_BYTES_MAX);
                break;
            }
        }
        let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let error = &body["error"];
        let member = |name: &str| error[name].as_str().unwrap_or_default();
        let problem = judge(status, &format!("{} {}", member("code"), member("type")).to_ascii_lowercase());
        let said = self.without_key(error["message"].as_str().or_else(|| error.as_str()).unwrap_or_default());
        // Endpoints like to repeat a part of the key that they refuse.
        let says = if problem == Problem::Auth || said.is_empty() {
            format!("status {status}")
        } else {
            format!("status {status}: {}", redacted(&said))
        };
        CallFault { problem, retry_after, says }
    }

    fn without_key(&self, text: &str) -> String {
        match &self.key {
            Some(key) => text.replace(key.expose(), MASK),
            None => text.to_owned(),
        }
    }
}

pub(super) fn boxed(fault: CallFault) -> OpenAIError {
    OpenAIError::Boxed(Box::new(fault))
}

/// Why nothing came back.
fn unsent(fault: &SendFault) -> CallFault {
    let code = fault.error.code();
    let problem = if code == OfConnector::EgressPrivateAddress {
        Problem::NotAllowed
    } else if code == OfConnector::HttpTimeout {
        Problem::Timeout
    } else if fault.left {
        Problem::Broken
    } else {
        Problem::Unreachable
    };
    CallFault::new(problem, fault.error.to_string())
}

/// How long an endpoint asks to be left alone. A date is for browsers; endpoints of models send seconds.
fn wait_asked_for(headers: &HeaderMap) -> Option<Duration> {
    let header = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let precise = header("retry-after-ms").map(|ms| ms / 1000.0);
    let seconds = precise.or_else(|| header(RETRY_AFTER.as_str()))?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(RETRY_AFTER_MAX))
}

/// An answer whose body ends with an error when there is more of it than any answer has.
fn bounded(response: Response) -> Response {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut left = BODY_BYTES_MAX;
    let stream = response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        left = left.checked_sub(chunk.len()).ok_or_else(|| std::io::Error::other("more than any answer has"))?;
        Ok::<_, std::io::Error>(chunk)
    });
    let mut bounded = http::Response::new(Body::wrap_stream(stream));
    *bounded.status_mut() = status;
    *bounded.headers_mut() = headers;
    bounded.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_says_how_long_to_wait() {
        let asked = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            wait_asked_for(&headers)
        };
        assert_eq!(asked("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(asked("retry-after", "1e300"), None);
        assert_eq!(asked("retry-after", "-1"), None);
        assert_eq!(asked("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }

    #[test]
    fn what_an_endpoint_says_is_short_and_on_one_line() {
        let said = CallFault::said(Problem::Broken, &serde_json::json!({ "message": "a\nb".repeat(1000) }));
        assert!(said.says.len() <= SAYS_BYTES_MAX && !said.says.contains('\n'));
        let secret =
            CallFault::said(Problem::Broken, &serde_json::json!("your key sk-abcdefghijklmnopqrstuvwxyz012345"));
        assert!(!secret.says.contains("abcdefghijklmnop"), "{secret}");
    }
}
