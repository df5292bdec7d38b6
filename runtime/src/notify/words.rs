//! What a notification says.

use intents::Timestamp;
use intents::need::{Choice, choices_of, words_of};
use intents::redact::{Policy, redact_text};
use intents::schedule::Zone;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::asked::Asked;
use super::plain::in_lines;
use crate::store::{NewLink, Notice};

/// A subject is one line on a phone.
const SUBJECT_CHARS_MAX: usize = 150;
/// Of the evidence of one need in a message; all of it is in the inbox.
const EVIDENCE_CHARS_MAX: usize = 1500;
/// Of the text of one notice.
const TEXT_CHARS_MAX: usize = 1500;

/// A message in the forms in which it leaves.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Letter {
    /// In one line.
    pub(super) subject: String,
    /// For people.
    pub(super) text: String,
    /// For programs.
    pub(super) data: Value,
}

/// One line of bounded length, without anything that a header could not hold.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let text = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let text = text.collect::<Vec<_>>().join(" ");
    if text.chars().count() <= chars_max {
        return text;
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

pub(super) fn subject(text: &str) -> String {
    line(&format!("Steward: {text}"), SUBJECT_CHARS_MAX)
}

/// A time on the clock of a zone.
pub fn clock(at: Timestamp, zone: &Zone) -> String {
    let zone = TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC);
    at.to_jiff().to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
}

/// So many of something: `1 thing`, `2 things`.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn link(base_url: &str, link: &NewLink) -> String {
    format!("{base_url}/answer/{}", link.token)
}

/// Tells of needs and notices that have come.
pub(super) fn news(needs: &[(Asked, Vec<NewLink>)], notices: &[Notice], base_url: &str, zone: &Zone) -> Letter {
    let titles = needs.iter().map(|(asked, _)| asked.title.clone());
    let told = notices.iter().map(|notice| redact_text(&notice.title, Policy::Secrets));
    let first = titles.chain(told).next().unwrap_or_default();
    let subject = match (needs.len(), notices.len()) {
        (1, 0) | (0, 1) => subject(&first),
        (0, notices) => subject(&format!("{} from your automations: {first}", count(notices, "notice"))),
        (1, _) => subject(&format!("one thing waits for you: {first}")),
        (needs, _) => subject(&format!("{needs} things wait for you: {first}")),
    };
    let mut text = String::new();
    for (asked, links) in needs {
        write_need(&mut text, asked, links, base_url, zone);
    }
    for notice in notices {
        let title = line(&redact_text(&notice.title, Policy::Secrets), SUBJECT_CHARS_MAX);
        text.push_str(&format!("* {title} ({}, {})\n", notice.level, clock(notice.created_at, zone)));
        let said: String = redact_text(&notice.text, Policy::Secrets).chars().take(TEXT_CHARS_MAX).collect();
        for said in said.lines() {
            text.push_str(&format!("  {said}\n"));
        }
        text.push('\n');
    }
    text.push_str(FOOTER);
    Letter {
        subject,
        text,
        data: json!({ "needs": needs.iter().map(|(asked, links)| data(asked, links, base_url)).collect::<Vec<_>>(), "notices": notices.iter().map(notice).collect::<Vec<_>>() }),
    }
}

const FOOTER: &str = "--\n`steward inbox list` shows everything that waits for you. Each link answers once, shows what it \
                      answers before it does, and is yours alone: do not pass it on.\n";

fn write_need(text: &mut String, asked: &Asked, links: &[NewLink], base_url: &str, zone: &Zone) {
    let need = &asked.need;
    text.push_str(&format!("* {} ({}, {})\n", line(&asked.title, SUBJECT_CHARS_MAX * 2), need.kind, need.priority));
    text.push_str(&format!("  {}, since {}\n", need.id, clock(need.created_at, zone)));
    if let (Some(at), Some(default)) = (asked.expires_at, asked.default) {
        let default = line(&need.said(default), SUBJECT_CHARS_MAX);
        text.push_str(&format!("  becomes `{default}` on {}\n", clock(at, zone)));
    }
    for known in in_lines(&asked.evidence, EVIDENCE_CHARS_MAX) {
        text.push_str(&format!("    {known}\n"));
    }
    for offered in links {
        let words = line(&need.said(offered.choice), SUBJECT_CHARS_MAX);
        text.push_str(&format!("  {words}: {}\n", link(base_url, offered)));
    }
    let offered = choices_of(need.kind, &need.evidence);
    let by_hand = offered.iter().filter(|choice| links.iter().all(|link| link.choice != **choice));
    let by_hand: Vec<_> = by_hand.map(|choice| choice.as_str()).collect();
    if !by_hand.is_empty() {
        text.push_str(&format!("  steward inbox answer {} {}\n", need.id, by_hand.join("|")));
    }
    text.push('\n');
}

fn data(asked: &Asked, links: &[NewLink], base_url: &str) -> Value {
    let need = &asked.need;
    let of = |choice: Choice| links.iter().find(|link| link.choice == choice);
    let choices = choices_of(need.kind, &need.evidence).into_iter().map(|choice| {
        let words = words_of(need.kind, &asked.evidence, choice);
        let link = of(choice).map(|found| link(base_url, found));
        json!({ "choice": choice.as_str(), "option": words, "link": link })
    });
    json!({
        "id": need.id.to_string(),
        "kind": need.kind.as_str(),
        "priority": need.priority.as_str(),
        "title": asked.title,
        "automation": need.automation.map(|id| id.to_string()),
        "run": need.run.map(|id| id.to_string()),
        "evidence": asked.evidence,
        "created_at": need.created_at.to_string(),
        "expires_at": asked.expires_at.map(|at| at.to_string()),
        "default": asked.default.map(|choice| choice.as_str()),
        "choices": choices.collect::<Vec<_>>(),
    })
}

fn notice(notice: &Notice) -> Value {
    json!({
        "id": notice.id,
        "level": notice.level,
        "title": redact_text(&notice.title, Policy::Secrets),
        "text": redact_text(&notice.text, Policy::Secrets),
        "automation": notice.automation,
        "run": notice.run.map(|id| id.to_string()),
        "created_at": notice.created_at.to_string(),
    })
}

/// Shows that messages arrive.
pub(super) fn test(zone: &Zone, now: Timestamp) -> Letter {
    let text = format!(
        "This is a test, made on {} ({}). Notifications of Steward reach you here.\n",
        clock(now, zone),
        zone.name()
    );
    Letter { subject: subject("a test"), text, data: json!({}) }
}
