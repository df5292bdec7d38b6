//! Executes an adapter: a pure function in a jail of its own, whose result has to say what the service said.

use std::time::Duration;

use intents::Timestamp;
use intents::drift::{Names, Shape, compare};
use intents::failure::Class;
use intents::outcome::Failure;
use intents::repair::{Adapter, faithful};
use sandbox::{FromScript, Jail, Limits, Start};
use serde_json::{Value, json};

/// The name that an adapter has in what is said about it.
const NAME: &str = "adapter.js";
/// An adapter moves values about. Whatever takes longer than this does something else.
const WITHIN: Duration = Duration::from_secs(5);

fn unfit(code: &str, message: impl Into<String>) -> Failure {
    Failure::new(Class::Logic, code, message)
}

/// The module of an adapter as a script: what it exports is called with the result and the arguments of the call.
fn script(source: &str) -> Result<String, Failure> {
    let export = "export default";
    if source.matches(export).count() != 1 {
        return Err(unfit("ADAPTER_UNFIT", "an adapter is a module with one `export default`, a function"));
    }
    let made = source.replacen(export, "const adapt =", 1);
    Ok(format!(
        "{made}\n;\nexport default async function run({{ input }}) {{ return adapt(input.result, input.arguments); }}\n"
    ))
}

/// Gives the result of a call in the shape that the script was proven with.
pub(crate) async fn adapt(
    jail: &Jail,
    limits: &Limits,
    adapter: &Adapter,
    used: &Names,
    result: &Value,
    arguments: &Value,
    at: Timestamp,
) -> Result<Value, Failure> {
    let start = Start {
        script: script(&adapter.source)?,
        name: NAME.to_owned(),
        input: json!({ "result": result, "arguments": arguments }),
        at,
        seed: [0; 32],
        replay: Vec::new(),
        tools: Vec::new(),
        logged: 0,
    };
    let jailed = |error: sandbox::Error| Failure::new(Class::Internal, error.code(), error.to_string());
    let mut attempt = jail.attempt(start, limits.clone()).await.map_err(jailed)?;
    let adapted = tokio::time::timeout(WITHIN, end_of(&mut attempt)).await;
    attempt.kill();
    let adapted = adapted.unwrap_or_else(|_| Err(unfit("ADAPTER_UNFIT", "the adapter does not come to its end")))?;
    if let Err(unfaithful) = faithful(result, &adapted, &adapter.proven) {
        return Err(unfit(
            "ADAPTER_UNFAITHFUL",
            format!("the adapter does not say what the service said: {unfaithful}"),
        ));
    }
    let drift = compare(&adapter.proven, &Shape::of_result(&adapted), used);
    if drift.breaks() {
        return Err(unfit(
            "ADAPTER_UNFIT",
            format!("the adapter does not give the shape that was proven: {}", drift.words()),
        ));
    }
    Ok(adapted)
}

async fn end_of(attempt: &mut sandbox::Attempt) -> Result<Value, Failure> {
    loop {
        match attempt.next().await {
            FromScript::Finished { result } => return Ok(serde_json::from_str(&result).unwrap_or(Value::Null)),
            FromScript::Log { .. } => {}
            FromScript::Call { tool, .. } => {
                return Err(unfit("ADAPTER_UNFIT", format!("an adapter calls nothing, and this one calls `{tool}`")));
            }
            FromScript::Idle { .. } => return Err(unfit("ADAPTER_UNFIT", "the adapter waits for something")),
            FromScript::Killed | FromScript::Crashed { .. } => {
                return Err(Failure::new(
                    Class::Internal,
                    "SANDBOX_CRASHED",
                    "the process of an adapter ended abruptly",
                ));
            }
            message @ (FromScript::Failed(_) | FromScript::Limit(_) | FromScript::Differs(_)) => {
                let why = message.failure().map_or_else(|| "its process ended".to_owned(), |failure| failure.message);
                return Err(unfit("ADAPTER_UNFIT", format!("the adapter fails: {why}")));
            }
        }
    }
}
