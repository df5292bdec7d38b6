//! Needs in plain words: what is asked, and what is known about it.

use intents::canonical::Digest;
use intents::failure::Class;
use intents::need::Kind;
use intents::outcome::Failure;
use serde_json::{Value, json};

use super::call::Admitted;
use super::context::Context;
use super::host::Question;
use crate::store::NewNeed;

/// A title is one line on a phone.
const TITLE_CHARS_MAX: usize = 200;

fn cut(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= TITLE_CHARS_MAX {
        return line.to_owned();
    }
    line.chars().take(TITLE_CHARS_MAX - 1).chain(['…']).collect()
}

/// A need that one call of a run sleeps on.
pub(super) fn for_call(
    context: &Context,
    admitted: &Admitted,
    kind: Kind,
    failure: Option<&Failure>,
    more: Value,
) -> NewNeed {
    let tool = &admitted.definition.name;
    let what = key_in_words(admitted);
    let name = &context.automation.title;
    // Every run that uses an account waits for the one answer.
    let account = admitted.passed.connection.as_ref().filter(|_| kind == Kind::Reconnect);
    let title = match kind {
        Kind::Settle => format!("{name}: did {tool} happen{what}?"),
        Kind::Reconnect => match account {
            Some(account) => format!("The account {account} is refused; connect it again"),
            None => format!("{name}: {tool} is refused the credentials; connect it again"),
        },
        Kind::Grant => match failure {
            Some(failure) => format!("{name}: {}{what}", failure.message),
            None => format!("{name}: {tool} is not allowed{what}"),
        },
        Kind::Unavailable => format!("{name}: {tool} has been unavailable for too long"),
        Kind::Repair
        | Kind::Confirm
        | Kind::Decide
        | Kind::Limit
        | Kind::Trigger
        | Kind::Silence
        | Kind::Internal
        | Kind::Approve => format!("{name}: {tool} cannot go on{what}"),
    };
    // One revoked password is one need, however many runs wait for it.
    let dedupe_key = match kind {
        Kind::Reconnect | Kind::Unavailable => match account {
            Some(account) => format!("{kind}:{account}"),
            None => format!("{kind}:{}:{}", context.automation.id, tool.service()),
        },
        Kind::Settle
        | Kind::Grant
        | Kind::Approve
        | Kind::Repair
        | Kind::Confirm
        | Kind::Decide
        | Kind::Limit
        | Kind::Trigger
        | Kind::Silence
        | Kind::Internal => kind.of_call(context.run.id, context.run.generation, admitted.call),
    };
    NewNeed {
        kind,
        dedupe_key,
        automation: account.is_none().then_some(context.automation.id),
        run: account.is_none().then_some(context.run.id),
        call: account.is_none().then_some(admitted.call),
        effect: None,
        title: cut(&title),
        evidence: json!({
            "tool": tool.as_str(),
            "account": account.map(ToString::to_string),
            "call": admitted.call,
            "key": admitted.given_key.as_ref().map(ToString::to_string),
            "allowed_by": admitted.passed.clause.words,
            "failure": failure.map(described),
            "more": more,
        }),
    }
}

/// The line in which a person is asked about an effect.
pub(super) fn approval_title(context: &Context, admitted: &Admitted) -> String {
    let (name, tool) = (&context.automation.title, &admitted.definition.name);
    cut(&format!("{name}: may it do {tool}{}?", key_in_words(admitted)))
}

/// A question of the script.
pub(super) fn question(context: &Context, call: u32, question: &Question, dedupe_key: String) -> NewNeed {
    let mut evidence = json!({ "options": question.options });
    for (name, words) in [("text", &question.text), ("otherwise", &question.otherwise)] {
        if let Some(words) = words {
            evidence[name] = json!(words);
        }
    }
    NewNeed {
        kind: Kind::Decide,
        dedupe_key,
        automation: Some(context.automation.id),
        run: Some(context.run.id),
        call: Some(call),
        effect: None,
        title: cut(&format!("{}: {}", context.automation.title, question.question)),
        evidence,
    }
}

/// A need about a run that has ended.
pub(super) fn for_run(context: &Context, kind: Kind, failure: &Failure, more: Value) -> NewNeed {
    let name = &context.automation.title;
    let title = match failure.class {
        Class::Logic => format!("{name}: {}", failure.message),
        Class::Limit => format!("{name}: a limit was reached: {}", failure.message),
        Class::Nondeterminism => format!("{name}: a run took another way than its record; the automation is paused"),
        Class::Transient | Class::Auth | Class::Permission | Class::Uncertain | Class::Internal | Class::Unknown => {
            format!("{name}: something is wrong with Steward; the automation is paused")
        }
    };
    NewNeed {
        kind,
        dedupe_key: format!("{kind}:{}:{}", context.automation.id, cause(context, failure)),
        automation: Some(context.automation.id),
        run: Some(context.run.id),
        call: None,
        effect: None,
        title: cut(&title),
        evidence: json!({ "failure": described(failure), "input": context.item.input, "more": more }),
    }
}

/// What tells the need of a failed run from others. An item that brings something of its own has to be run again itself.
/// One that only says that it is time looks at the world afresh, so that a cause is one need, however often it is met.
fn cause(context: &Context, failure: &Failure) -> String {
    let members = context.item.input.as_object();
    let says_only_when = members.is_some_and(|members| {
        members.iter().all(|(name, value)| match name.as_str() {
            "trigger" => value == "schedule" || value == "manual",
            "slot" | "late_ms" => true,
            _ => false,
        })
    });
    if says_only_when {
        Digest::of_parts("steward cause 1", &[failure.code.as_bytes(), failure.message.as_bytes()]).to_string()
    } else {
        context.run.item.to_string()
    }
}

/// The title of a need about a run that cannot be carried out at all.
pub(super) fn broken_title(automation: &str, goes_on: bool) -> String {
    let then = if goes_on { "the next ones go on" } else { "the automation is paused" };
    cut(&format!("{automation}: a run cannot be carried out; {then}"))
}

fn key_in_words(admitted: &Admitted) -> String {
    admitted.given_key.as_ref().map(|key| format!(" ({key})")).unwrap_or_default()
}

fn described(failure: &Failure) -> Value {
    json!({ "class": failure.class.as_str(), "code": failure.code, "message": failure.message })
}
