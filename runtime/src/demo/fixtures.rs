//! What the demonstration brings along: the feed, and what the model answered when it was recorded.
//!
//! Addresses are known only once the services listen, so the texts have placeholders for them.

use intents::Timestamp;
use serde_json::{Value, json};

const CONVERSATION: &str = include_str!("../../../fixtures/demo/conversation.json");
const CONTRACT: &str = include_str!("../../../fixtures/demo/contract.json");
const SCRIPT: &str = include_str!("../../../fixtures/demo/script.js");
const FEED: &str = include_str!("../../../fixtures/demo/feed.xml");
const NEWS: &str = include_str!("../../../fixtures/demo/news.xml");

/// The folder that is granted, and spoken of.
pub const FOLDER: &str = "briefs";
/// Who gets the mail. Nobody has this address: RFC 2606 keeps it for examples.
pub const RECIPIENT: &str = "ada@example.org";
/// What the user answers when the planner asks where the mail goes.
pub const ANSWER: &str = "To ada@example.org, at half past seven.";

/// The entries of the feed are so many hours old: `{{HOURS_2}}` and so on.
const HOURS: [i64; 4] = [0, 2, 15, 21];
const HOUR_MS: i64 = 3_600_000;

/// What the user asks for.
pub fn request(site: &str) -> String {
    format!(
        "Every morning, send me what is new in the feed {site}/feed.xml, at most one mail a day, and keep a copy in \
         the folder {FOLDER}."
    )
}

/// The feed; later with something new in it.
pub(super) fn feed(site: &str, now: Timestamp, later: bool) -> String {
    let mut feed = FEED.replace("{{NEWS}}", if later { NEWS.trim_end() } else { "" }).replace("{{SITE}}", site);
    for hours in HOURS {
        let at = jiff::Timestamp::from_millisecond(now.as_millis() - hours * HOUR_MS).unwrap_or_default();
        let written = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        feed = feed.replace(&format!("{{{{HOURS_{hours}}}}}"), &written);
    }
    feed
}

/// The recording that the provider answers from.
pub(super) fn recording(site: &str, zone: &str) -> Value {
    let contract = parsed(CONTRACT);
    let whole = filled(parsed(CONVERSATION), &|text| match text {
        "{{CONTRACT}}" => contract.clone(),
        text => json!(text.replace("{{SCRIPT}}", SCRIPT)),
    });
    filled(whole, &|text| json!(text.replace("{{SITE}}", site).replace("{{ZONE}}", zone)))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("what the demonstration brings along is JSON")
}

/// The value with each of its texts replaced.
fn filled(value: Value, fill: &dyn Fn(&str) -> Value) -> Value {
    match value {
        Value::String(text) => fill(&text),
        Value::Array(items) => items.into_iter().map(|item| filled(item, fill)).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, filled(member, fill))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_placeholder_is_left() {
        let site = "http://127.0.0.1:4545";
        let now = Timestamp::from_millis(1_790_000_000_000);
        let recording = recording(site, "Europe/Rome").to_string();
        for text in [&recording, &feed(site, now, false), &feed(site, now, true)] {
            assert!(text.contains(site) && !text.contains("{{"), "{text}");
        }
        assert!(recording.contains(RECIPIENT) && ANSWER.contains(RECIPIENT), "the user names who gets the mail");
        assert_ne!(feed(site, now, false), feed(site, now, true));
    }
}
