//! What several commands show in the same way.

use serde_json::Value;

use crate::api::{InFlightView, NeedView, RunDetail};
use crate::cli::exit::Exit;
use crate::cli::out::Out;
use crate::cli::time::local;

/// Shows what a run came to, or what it waits for.
pub(super) fn run(out: &mut Out, detail: &RunDetail) {
    let run = &detail.run;
    out.line(format!("{} of {}: {}", run.id, detail.automation_name, run.phase));
    let suppressed = if run.suppressed > 0 { format!(", {} done before", run.suppressed) } else { String::new() };
    let (calls, effects) = (count(run.calls, "call"), count(run.effects, "effect"));
    out.line(format!("  {calls}, {effects}{suppressed}, attempt {}", run.attempts));
    if run.shadow.is_some() {
        out.line("  in shadow: what it would do outside is noted, and not done");
    }
    if let Some(engine) = &run.engine {
        out.line(format!("  executed by the engine outside `{engine}`; it cannot be replayed"));
    }
    if let Some(failure) = &detail.failure {
        out.line(format!("  failed: {} ({}, {})", failure.message, failure.code, failure.class));
    }
    if let Some(result) = &detail.result {
        value(out, "  result: ", result);
    }
    for wait in &detail.waits {
        let until = wait.until.as_ref().map(|until| format!(" until {}", local(until))).unwrap_or_default();
        let what = match (&wait.event, &wait.need) {
            (Some(event), _) => format!("for the event `{event}`"),
            (None, Some(need)) => format!("for your answer to {need}"),
            (None, None) => format!("({})", wait.kind),
        };
        out.line(format!("  waits {what}{until}"));
    }
    for need in &detail.needs {
        out.line(format!("  needs you: {}", need.title));
        options(out, "    ", need);
        out.line(format!("    steward inbox answer {} {}", need.id, need.choices.join("|")));
    }
}

/// The exit of a command that started or waited for a run.
pub(super) fn exit_of(detail: &RunDetail) -> Exit {
    match detail.run.phase.as_str() {
        // What the contract leaves out is no failure.
        "succeeded" | "skipped" => Exit::Success,
        "failed" | "stopped" => Exit::RunFailed,
        _ => Exit::Waiting,
    }
}

/// Shows a need.
pub(super) fn need(out: &mut Out, need: &NeedView) {
    out.line(format!("{} ({}, {}, {})", need.title, need.kind, need.priority, need.status));
    let times = if need.occurrences > 1 { format!(", came up {} times", need.occurrences) } else { String::new() };
    out.line(format!("  {} since {}{times}", need.id, local(&need.created_at)));
    if let Some(run) = &need.run {
        out.line(format!("  about {run}"));
    }
    if !need.evidence.is_null() {
        value(out, "  evidence: ", &need.evidence);
    }
    match &need.answer {
        Some(answer) => out.line(format!("  answered: {answer}, by {}", need.answered_by.as_deref().unwrap_or("-"))),
        None if need.status == "open" => {
            if let Some(until) = &need.snoozed_until {
                out.line(format!("  put off until {}", local(until)));
            }
            if let (Some(at), Some(default)) = (&need.expires_at, &need.default) {
                out.line(format!("  becomes {default} {}", local(at)));
            }
            options(out, "  ", need);
            out.line(format!("  answer: steward inbox answer {} {}", need.id, need.choices.join("|")));
        }
        None => {}
    }
}

/// What the options of a question say.
fn options(out: &mut Out, indent: &str, need: &NeedView) {
    let said = need.evidence["options"].as_array().filter(|_| need.kind == "decide");
    for (choice, words) in need.choices.iter().zip(said.into_iter().flatten()) {
        out.line(format!("{indent}{choice}: {}", words.as_str().unwrap_or_default()));
    }
}

/// Lists effects that were under way at a stop.
pub(super) fn in_flight(out: &mut Out, effects: &[InFlightView]) {
    if effects.is_empty() {
        out.line("No effect was under way.");
        return;
    }
    out.line("Under way were these effects; what became of them will be settled or asked:");
    let rows: Vec<_> = effects
        .iter()
        .map(|effect| [effect.tool.clone(), effect.key.clone(), effect.run.clone(), local(&effect.started_at)])
        .collect();
    out.table(["TOOL", "KEY", "RUN", "SINCE"], &rows);
}

/// So many of something: `1 call`, `2 calls`.
pub(super) fn count(number: impl Into<i64>, what: &str) -> String {
    match number.into() {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// Shows a value, indented under its name.
pub(super) fn value(out: &mut Out, name: &str, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let indent = " ".repeat(name.len() - name.trim_start().len());
    out.line(format!("{name}{}", text.replace('\n', &format!("\n{indent}"))));
}
