//! Triggers.

use serde_json::Value;

use super::common::{TEXT_MAX, span};
use crate::contract::read::{Members, Node, Problems};
use crate::contract::{FileDedupe, Signature, Source, Trigger, problem};
use crate::schedule::{CatchUp, MalformedCron, Overlap};

pub(super) fn trigger(node: &Node<'_>, problems: &mut Problems) -> Option<Trigger> {
    const KINDS: [&str; 5] = ["schedule", "file", "webhook", "event", "manual"];
    let kinds: Vec<_> = KINDS.into_iter().filter(|kind| node.value.get(kind).is_some()).collect();
    let [kind] = kinds.as_slice() else {
        let list = KINDS.map(|kind| format!("`{kind}`")).join(", ");
        let problem = if node.value.is_object() { problem::KEY_MISSING } else { problem::TYPE };
        problems.add(problem, &node.at, format!("a trigger is an object with exactly one of the keys {list}"));
        return None;
    };
    let own: &[&str] = if *kind == "schedule" { &["tz", "catch_up"] } else { &[] };
    let keys = [&[*kind, "useful_for", "overlap"], own].concat();
    let members = node.members(&keys, problems)?;
    let useful_for = span(members.maybe("useful_for"), problems);
    let overlap = word(members.maybe("overlap"), OVERLAPS, problems);
    let source = match *kind {
        "schedule" => schedule(&members, problems),
        "file" => file(&members.need("file", problems)?, problems),
        "webhook" => webhook(&members.need("webhook", problems)?, problems),
        "event" => {
            let name = members.need("event", problems)?.parsed(problem::VALUE, problems);
            name.map(|name| Source::Event { name })
        }
        _ => {
            let manual = members.need("manual", problems)?;
            if manual.value != &Value::Bool(true) {
                problems.add(problem::VALUE, &manual.at, "this must be true; leave the trigger out otherwise");
            }
            Some(Source::Manual)
        }
    };
    if let Some(Source::Schedule { catch_up: CatchUp::All, .. }) = source
        && members.maybe("useful_for").is_none()
    {
        let message = "making up for all missed times needs a bound; add for example \"useful_for\": \"1d\"";
        problems.add(problem::USEFUL_FOR_MISSING, &node.at, message);
    }
    Some(Trigger { source: source?, useful_for, overlap })
}

const OVERLAPS: &[(&str, Overlap)] = &[("queue", Overlap::Queue), ("skip", Overlap::Skip), ("allow", Overlap::Allow)];
const CATCH_UPS: &[(&str, CatchUp)] = &[("none", CatchUp::None), ("latest", CatchUp::Latest), ("all", CatchUp::All)];
const DEDUPES: &[(&str, FileDedupe)] =
    &[("content", FileDedupe::Content), ("path_and_content", FileDedupe::PathAndContent)];

fn word<T: Copy + Default>(node: Option<Node<'_>>, words: &[(&str, T)], problems: &mut Problems) -> T {
    node.and_then(|node| node.word(words, problems)).unwrap_or_default()
}

fn schedule(members: &Members<'_>, problems: &mut Problems) -> Option<Source> {
    let line = members.need("schedule", problems);
    let cron = line.and_then(|node| {
        let parsed = node.text(TEXT_MAX, problems)?.parse();
        parsed
            .map_err(|error: MalformedCron| {
                let code = match error {
                    MalformedCron::Syntax { .. } => problem::CRON_MALFORMED,
                    MalformedCron::NeverFires(_) => problem::CRON_NEVER_FIRES,
                };
                problems.add(code, &node.at, error.to_string());
            })
            .ok()
    });
    let zone = members.need("tz", problems).and_then(|node| node.parsed(problem::TZ_UNKNOWN, problems));
    let catch_up = word(members.maybe("catch_up"), CATCH_UPS, problems);
    Some(Source::Schedule { cron: cron?, zone: zone?, catch_up })
}

fn file(node: &Node<'_>, problems: &mut Problems) -> Option<Source> {
    let members = node.members(&["folder", "match", "dedupe"], problems)?;
    let folder = members.need("folder", problems).and_then(|node| node.parsed(problem::VALUE, problems));
    let matching = members.need("match", problems).and_then(|node| node.parsed(problem::GLOB_MALFORMED, problems));
    let dedupe = word(members.maybe("dedupe"), DEDUPES, problems);
    Some(Source::File { folder: folder?, matching: matching?, dedupe })
}

fn webhook(node: &Node<'_>, problems: &mut Problems) -> Option<Source> {
    let members = node.members(&["name", "secret", "signature", "dedupe_header"], problems)?;
    let name = members.need("name", problems).and_then(|node| node.parsed(problem::VALUE, problems));
    let secret = members.need("secret", problems).and_then(|node| node.parsed(problem::VALUE, problems));
    let schemes = Signature::ALL.map(|scheme| (scheme.as_str(), scheme));
    let signature = members.need("signature", problems).and_then(|node| node.word(&schemes, problems));
    let dedupe_header = members.maybe("dedupe_header").and_then(|node| node.parsed(problem::VALUE, problems));
    Some(Source::Webhook { name: name?, secret: secret?, signature: signature?, dedupe_header })
}
