//! The daily digest.

use intents::Timestamp;
use intents::redact::{Policy, redact_text};
use intents::schedule::Zone;
use serde_json::json;

use super::words::{Letter, clock, count, line, subject};
use crate::store::{Error, Store, Usage, UsageBy, UsageFilter};

/// Needs that a digest lists; it counts the others.
const NEEDS_MAX: u64 = 50;
/// What one notice says: a repair in one line is as long.
const TOLD_CHARS_MAX: usize = 1000;
/// A line of a digest.
const LINE_CHARS_MAX: usize = 200;

/// Tells what waits, and what there was between two times.
pub(super) async fn digest(store: &Store, from: Timestamp, until: Timestamp, zone: &Zone) -> Result<Letter, Error> {
    let needs = store.inbox(false, None, NEEDS_MAX).await?;
    let (open, snoozed) = (store.open_needs().await?, store.snoozed_needs().await?);
    let runs = store.digest_runs(from, until).await?;
    let effects = store.digest_effects(from, until).await?;
    let filter = UsageFilter { since: Some(from), until: Some(until), ..UsageFilter::default() };
    let usage = store.model_usage(UsageBy::Day, filter).await?;
    let usage = usage.into_iter().fold(Usage::default(), |sum, line| sum.plus(line.usage));
    let lines = store.digest_lines(from, until).await?;
    let doubtful = store.doubtful_notifications(from, until).await?;

    let failed: i64 = runs.iter().map(|of| of.failed).sum();
    let ended: i64 = runs.iter().map(|of| of.succeeded + of.failed + of.stopped).sum();
    let waits = open.saturating_sub(snoozed);
    let day = clock(until, zone);
    let day = day.split(' ').next().unwrap_or_default();
    let subject = subject(&format!("{day}: {waits} waiting for you, {ended} runs, {failed} failed"));

    let mut text = format!("From {} to {} ({}).\n\n", clock(from, zone), clock(until, zone), zone.name());
    text.push_str(&match (waits, snoozed) {
        (0, 0) => "Nothing waits for you.\n".to_owned(),
        (waits, 0) => format!("Waits for you: {waits}\n"),
        (waits, snoozed) => format!("Waits for you: {waits}, and {snoozed} that you put off\n"),
    });
    for need in &needs {
        let title = line(&redact_text(&need.title, Policy::Secrets), LINE_CHARS_MAX);
        text.push_str(&format!(
            "  * {title} ({}, {}, since {})\n",
            need.kind,
            need.priority,
            clock(need.created_at, zone)
        ));
    }
    text.push_str("\nRuns that ended\n");
    if runs.is_empty() {
        text.push_str("  none\n");
    }
    for of in &runs {
        let parts = [(of.succeeded, "succeeded"), (of.failed, "failed"), (of.stopped, "stopped")];
        let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
        text.push_str(&format!("  * {}: {}\n", line(&of.title, LINE_CHARS_MAX), parts.collect::<Vec<_>>().join(", ")));
    }
    text.push_str(&format!("\nEffects that happened: {effects}\n"));
    let calls = usize::try_from(usage.calls).unwrap_or(usize::MAX);
    text.push_str(&format!("Models: {} for {}\n", usage.cost.plus(usage.held), count(calls, "call")));
    if !lines.is_empty() {
        text.push_str("\nTold\n");
    }
    for told in &lines {
        let title = line(&redact_text(&told.title, Policy::Secrets), LINE_CHARS_MAX);
        text.push_str(&format!("  * {title} ({}, {})\n", told.level, clock(told.at, zone)));
        let said = line(&redact_text(&told.text, Policy::Secrets), TOLD_CHARS_MAX);
        if !said.is_empty() {
            text.push_str(&format!("    {said}\n"));
        }
    }
    if !doubtful.is_empty() {
        text.push_str("\nNotifications that may not have reached you\n");
    }
    for lost in &doubtful {
        let why = lost.reason.as_deref().unwrap_or("nobody knows why");
        let at = clock(lost.created_at, zone);
        text.push_str(&format!(
            "  * {} by {}, {}, {at}: {}\n",
            lost.id,
            lost.channel,
            lost.state,
            line(why, LINE_CHARS_MAX)
        ));
    }
    text.push_str("\n--\n`steward inbox list` shows what waits for you, `steward runs list` what ran.\n");
    let data = json!({
        "from": from.to_string(),
        "until": until.to_string(),
        "waiting": waits,
        "snoozed": snoozed,
        "needs": needs.iter().map(|need| json!({
            "id": need.id.to_string(), "kind": need.kind.as_str(), "priority": need.priority.as_str(),
            "title": redact_text(&need.title, Policy::Secrets), "created_at": need.created_at.to_string(),
        })).collect::<Vec<_>>(),
        "runs": runs.iter().map(|of| json!({
            "automation": of.title, "succeeded": of.succeeded, "failed": of.failed, "stopped": of.stopped,
        })).collect::<Vec<_>>(),
        "effects": effects,
        "model_calls": usage.calls,
        "model_cost": usage.cost.plus(usage.held).to_string(),
        "lines": lines.iter().map(|told| json!({
            "level": told.level, "title": redact_text(&told.title, Policy::Secrets),
            "text": redact_text(&told.text, Policy::Secrets), "at": told.at.to_string(),
        })).collect::<Vec<_>>(),
        "doubtful": doubtful.iter().map(|lost| json!({
            "id": lost.id.to_string(), "channel": lost.channel.as_str(), "state": lost.state.as_str(),
            "reason": lost.reason,
        })).collect::<Vec<_>>(),
    });
    Ok(Letter { subject, text, data })
}
