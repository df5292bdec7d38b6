//! Declared identities.

use super::common::{TEXT_MAX, span};
use crate::contract::address::Address;
use crate::contract::identity::KEY_PLACE;
use crate::contract::read::{Node, Problems};
use crate::contract::{DeclaredIdentity, problem};

pub(super) fn identity(node: &Node<'_>, problems: &mut Problems) -> Option<DeclaredIdentity> {
    let members = node.members(&["keyed", "queryable"], problems)?;
    match (members.maybe("keyed"), members.maybe("queryable")) {
        (Some(keyed), None) => {
            let members = keyed.members(&["header", "window"], problems)?;
            let header = members.need("header", problems).and_then(|node| node.parsed(problem::VALUE, problems));
            let window = span(members.need("window", problems), problems);
            Some(DeclaredIdentity::Keyed { header: header?, window: window? })
        }
        (None, Some(queryable)) => {
            let members = queryable.members(&["url", "absent_after", "window"], problems)?;
            let url = members.need("url", problems).and_then(|node| query_url(&node, problems));
            let absent_after = span(members.need("absent_after", problems), problems);
            let window = span(members.need("window", problems), problems);
            let (url, absent_after, window) = (url?, absent_after?, window?);
            if absent_after >= window {
                let message = "absence must prove something while the service can still be asked: \
                               make `absent_after` shorter than `window`";
                problems.add(problem::VALUE, &queryable.at, message);
            }
            Some(DeclaredIdentity::Queryable { url, absent_after, window })
        }
        (Some(_), Some(_)) | (None, None) => {
            problems.add(problem::CONDITION_MALFORMED, &node.at, "an identity has exactly one of `keyed`, `queryable`");
            None
        }
    }
}

/// Reads an address with one place for our key, outside the host.
fn query_url(node: &Node<'_>, problems: &mut Problems) -> Option<String> {
    let text = node.text(TEXT_MAX, problems)?;
    let (before, after) = text.split_once(KEY_PLACE).unwrap_or((text, KEY_PLACE));
    let in_path = before.strip_prefix("https://").is_some_and(|rest| rest.contains('/'));
    let sound = in_path && !after.contains(KEY_PLACE) && Address::parse(&text.replace(KEY_PLACE, "k")).is_ok();
    if !sound {
        let message = "this must be a plain `https://` address with `{key}` once in its path or query";
        problems.add(problem::ADDRESS_MALFORMED, &node.at, message);
        return None;
    }
    Some(text.to_owned())
}
