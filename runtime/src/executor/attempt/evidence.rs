//! What a person is shown about a run that cannot go on.

use intents::failure::Class;
use intents::need::Kind as NeedKind;
use intents::outcome::Failure;
use sandbox::FromScript;
use serde_json::{Value, json};

use crate::executor::call::Leaving;
use crate::executor::context::Context;
use crate::executor::wording;
use crate::store::{Finish, NewNeed};

pub(super) fn evidence_of(message: &FromScript) -> Value {
    match message {
        FromScript::Failed(failure) => {
            // As a value, so that what is shown of it can be redacted by its names.
            let details: Option<Value> = failure.details.as_deref().and_then(|text| serde_json::from_str(text).ok());
            json!({
                "name": failure.name, "message": failure.message, "line": failure.line, "column": failure.column,
                "stack": failure.stack, "details": details,
            })
        }
        FromScript::Differs(mismatch) => {
            let side = |step: &Option<sandbox::Step>| {
                step.as_ref().map(|step| json!({ "tool": step.tool, "arguments": step.arguments, "key": step.key }))
            };
            json!({ "call": mismatch.call, "recorded": side(&mismatch.recorded), "now": side(&mismatch.actual) })
        }
        FromScript::Limit(broken) => json!({ "limit": broken.which.code() }),
        FromScript::Crashed { message } => json!({ "message": message }),
        FromScript::Call { .. }
        | FromScript::Log { .. }
        | FromScript::Idle { .. }
        | FromScript::Finished { .. }
        | FromScript::Killed => json!({}),
    }
}

pub(super) fn refusal_need(context: &Context, leaving: &Leaving, failure: &Failure, evidence: Value) -> NewNeed {
    NewNeed {
        kind: NeedKind::Grant,
        dedupe_key: NeedKind::Grant.of_call(context.run.id, context.run.generation, leaving.call),
        automation: Some(context.automation.id),
        run: Some(context.run.id),
        call: Some(leaving.call),
        effect: None,
        title: format!("{}: the contract does not allow a call of {}", context.automation.title, leaving.tool),
        evidence: json!({ "why": failure.message, "code": failure.code, "more": evidence }),
    }
}

pub(super) fn without_records(mut finish: Finish, context: &Context, reason: String) -> Finish {
    let failure = Failure::new(Class::Limit, "LIMIT_JOURNAL", reason);
    finish.progress.records.clear();
    finish.needs = vec![wording::for_run(context, NeedKind::Limit, &failure, json!({}))];
    finish.failure = Some(failure);
    finish.repair = None;
    finish.state.clear();
    finish
}
