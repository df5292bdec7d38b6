//! How an uncertain `http.request` is settled: by sending it again, or by asking.

use std::collections::BTreeMap;
use std::time::Duration;

use intents::outcome::{Failure, Outcome};
use intents::tool::Identity;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::ANSWER_BYTES_MAX;
use super::arguments;
use super::body::Form;
use super::get::{head, read, turned_away};
use super::numbers::AsText;
use super::request::{Arguments, HttpRequest, Verb, done, server_failed};
use super::status::{Meaning, of_effect, retry_after_ms};
use crate::egress::{Manner, Outgoing};
use crate::{Call, DeclaredIdentity, Fault, Performed, Settlement};

/// Settles by the identity that contract or method give, within its window.
pub(super) async fn settle(tool: &HttpRequest, call: &Call) -> Result<Settlement, Failure> {
    let arguments: Arguments = call.parse().map_err(|error| error.to_failure())?;
    match (&call.declared, arguments.method.identity()) {
        (Some(DeclaredIdentity::Keyed { window_ms, .. }), _) => {
            if call.age() < Duration::from_millis(*window_ms) {
                again(tool, call, &arguments, true).await
            } else {
                Ok(Settlement::Unknown)
            }
        }
        (Some(DeclaredIdentity::Queryable { url, absent_after_ms, window_ms }), _) => {
            if call.age() < Duration::from_millis(*window_ms) {
                ask(tool, call, url, Duration::from_millis(*absent_after_ms)).await
            } else {
                Ok(Settlement::Unknown)
            }
        }
        (None, Identity::Natural) => again(tool, call, &arguments, false).await,
        (None, Identity::Blind | Identity::Keyed { .. } | Identity::Queryable { .. }) => Ok(Settlement::Unknown),
    }
}

/// Performs the effect again, which its identity makes safe, and reads what the answer says about the first time.
async fn again(tool: &HttpRequest, call: &Call, arguments: &Arguments, keyed: bool) -> Result<Settlement, Failure> {
    let answer = tool.send(call, arguments).await.map_err(|fault| fault.error.to_failure())?;
    let meaning = of_effect(answer.status, retry_after_ms(&answer.headers, call.now).is_some());
    match meaning {
        Meaning::Done => applied(done(&answer, arguments.form, &arguments.as_text())),
        // What is gone is what was to go.
        Meaning::Refused("not_found" | "gone") if !keyed && arguments.method == Verb::Delete => {
            Ok(Settlement::Applied(Outcome::Value(Value::Object(head(&answer)))))
        }
        // Under a key, the service repeats its first answer; a conflict may also mean that it is still at it.
        Meaning::Refused("conflict") => Ok(Settlement::Unknown),
        Meaning::Refused(_) if keyed => Ok(Settlement::NotApplied),
        Meaning::Refused(_) | Meaning::Ambiguous => Ok(Settlement::Unknown),
        Meaning::Unauthorised | Meaning::Forbidden | Meaning::Busy => {
            Err(turned_away(meaning, &answer, call).to_failure())
        }
        Meaning::Failed => Err(server_failed(&answer).to_failure()),
    }
}

fn applied(performed: Result<Performed, Fault>) -> Result<Settlement, Failure> {
    performed.map(|performed| Settlement::Applied(performed.outcome)).map_err(|fault| fault.failure)
}

/// Asks the service whether the key arrived.
async fn ask(tool: &HttpRequest, call: &Call, template: &str, absent_after: Duration) -> Result<Settlement, Failure> {
    let url = call
        .identity()
        .and_then(|identity| arguments::url(&template.replace("{key}", &identity.to_string()), &BTreeMap::new()))
        .map_err(|error| error.to_failure())?;
    let outgoing = Outgoing {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: None,
        manner: Manner::Read(call.grants.allows_url.as_ref()),
        deadline: call.deadline,
        private_hosts: &call.grants.private_hosts,
        credential: None,
        trace_parent: call.trace_parent.as_deref(),
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let answer = tool.way.send(call, outgoing).await.map_err(|fault| fault.error.to_failure())?;
    match answer.status {
        404 | 410 if call.age() >= absent_after => Ok(Settlement::NotApplied),
        404 | 410 => Ok(Settlement::Unknown),
        // It is there; whether we can read what is there makes no difference to that.
        200..=299 => applied(done(&answer, Form::Auto, &AsText::None)),
        _ => match read(answer, Form::Auto, &AsText::None, call) {
            Ok(_) => Ok(Settlement::Unknown),
            Err(error) => Err(error.to_failure()),
        },
    }
}
