//! Whether a capability covers a call, with the arguments that stand beside others.
//!
//! "Only to ops" says nothing if a copy may go to anybody, and "only this address" says nothing if a query may be added
//! to it. So a condition on one argument reaches to its companions, unless they have conditions of their own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::condition::Comparison;
use super::place::{Place, RowName};
use super::{Bind, Capability, Condition, Prefix};
use crate::pointer::Pointer;
use crate::tool::Name;

/// What the arguments beside one mean to it.
enum Companions {
    /// More of the same: the condition holds for them too, where they are there.
    Alike(&'static [&'static str]),
    /// More that is added to it: the condition must leave it open.
    Added(&'static [&'static str]),
    /// It stands alone.
    None,
}

fn companions(tool: &Name, pointer: &Pointer) -> Companions {
    match (tool.service(), pointer.segments()) {
        // `/to`, and each item of it.
        ("email", [to] | [to, _]) if to == "to" => Companions::Alike(&["/cc", "/bcc"]),
        ("http", [url]) if url == "url" => Companions::Added(&["/query"]),
        _ => Companions::None,
    }
}

/// The places beside one, each with whether it holds more of the same.
pub(super) fn companion_places(tool: &Name, pointer: &Pointer) -> Vec<(Pointer, bool)> {
    let (places, is_alike) = match companions(tool, pointer) {
        Companions::Alike(places) => (places, true),
        Companions::Added(places) => (places, false),
        Companions::None => return Vec::new(),
    };
    places.iter().filter_map(|place| place.parse().ok()).map(|place| (place, is_alike)).collect()
}

/// The places that hold more of the same: where there is a "to", also its copies.
pub(crate) fn alike(tool: &Name, pointer: &Pointer) -> Vec<Pointer> {
    match companions(tool, pointer) {
        Companions::Alike(places) => places.iter().filter_map(|place| place.parse().ok()).collect(),
        Companions::Added(_) | Companions::None => Vec::new(),
    }
}

impl Capability {
    /// The places of a call's arguments at which conditions with constants fail; none when all hold.
    pub fn failing(&self, arguments: &Value) -> Vec<String> {
        failing(&self.tool, &self.conditions, arguments)
    }
}

impl Bind {
    /// Whether rows of what was read with these arguments count.
    pub(crate) fn takes(&self, arguments: &Value) -> bool {
        failing(&self.row_of, &self.conditions, arguments).is_empty()
    }
}

/// The places at which a call does not fit a row of this name, as these conditions say; none when it fits. Also told are
/// the places of the row itself.
pub(crate) fn misfits(
    tool: &Name,
    conditions: &BTreeMap<Place, Condition>,
    name: &RowName,
    row: &Value,
    arguments: &Value,
) -> Vec<String> {
    let mut misfits = Vec::new();
    for (place, condition) in conditions.iter().filter(|(place, condition)| row_of(place, condition) == Some(name)) {
        match place {
            Place::Row(own) if condition.holds_at(&own.at, row) => {}
            Place::Row(_) => misfits.push(place.to_string()),
            Place::Argument(pointer) => match condition.bound_to(row) {
                Some(bound) => misfits.extend(failing_at(tool, conditions, pointer, &bound, arguments)),
                None => misfits.push(place.to_string()),
            },
        }
    }
    misfits
}

/// Whether a condition may hold for a call, at its place or where more of the same stands.
pub(crate) fn may_hold(tool: &Name, pointer: &Pointer, condition: &Condition, arguments: &Value) -> bool {
    let further = alike(tool, pointer);
    condition.may_hold_at(pointer, arguments)
        || further.iter().any(|place| is_there(place, arguments) && condition.may_hold_at(place, arguments))
}

/// The bound row that a condition speaks of, at either side.
pub(crate) fn row_of<'c>(place: &'c Place, condition: &'c Condition) -> Option<&'c RowName> {
    match place {
        Place::Row(own) => Some(&own.row),
        Place::Argument(_) => condition.row().map(|place| &place.row),
    }
}

/// The places at which conditions with constants fail.
pub(crate) fn failing(tool: &Name, conditions: &BTreeMap<Place, Condition>, arguments: &Value) -> Vec<String> {
    let constant = conditions.iter().filter(|(place, condition)| row_of(place, condition).is_none());
    constant
        .filter_map(|(place, condition)| place.argument().map(|pointer| (pointer, condition)))
        .flat_map(|(pointer, condition)| failing_at(tool, conditions, pointer, condition, arguments))
        .collect()
}

fn failing_at(
    tool: &Name,
    conditions: &BTreeMap<Place, Condition>,
    pointer: &Pointer,
    condition: &Condition,
    arguments: &Value,
) -> Vec<String> {
    let mut failing = Vec::new();
    if !condition.holds_at(pointer, arguments) {
        failing.push(pointer.to_string());
    }
    let (places, holds): (_, fn(&Condition, &Pointer, &Value) -> bool) = match companions(tool, pointer) {
        Companions::Alike(places) => (places, Condition::holds_at),
        Companions::Added(places) => (places, |condition, _, _| leaves_open(condition)),
        Companions::None => return failing,
    };
    let further = places.iter().filter_map(|place| place.parse::<Pointer>().ok());
    for place in further.filter(|place| !is_about(conditions, place)) {
        if is_there(&place, arguments) && !holds(condition, &place, arguments) {
            failing.push(place.to_string());
        }
    }
    failing
}

/// Whether one of the conditions is about the place, or about something in it.
fn is_about(conditions: &BTreeMap<Place, Condition>, place: &Pointer) -> bool {
    let mut own = conditions.keys().filter_map(Place::argument);
    own.any(|pointer| pointer.segments().starts_with(place.segments()))
}

/// Whether there is anything at the place: an empty list or object adds nothing.
fn is_there(place: &Pointer, arguments: &Value) -> bool {
    place.select(arguments).into_iter().any(|value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    })
}

/// Whether a condition on an address leaves its query open.
pub(super) fn leaves_open(condition: &Condition) -> bool {
    match &condition.comparison {
        Comparison::Prefix(Prefix::Address(prefix)) => !prefix.has_query(),
        Comparison::Prefix(Prefix::Text(_))
        | Comparison::Equals(_)
        | Comparison::OneOf(_)
        | Comparison::Contains(_)
        | Comparison::Names(_)
        | Comparison::Matches(_)
        | Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AtMostLength(_)
        | Comparison::AsRow(..) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::fixture;

    fn failing(tool: &str, conditions: Value, arguments: Value) -> Vec<String> {
        let contract = fixture::contract(json!({
            "title": "t", "goal": "g", "triggers": [{ "manual": true }],
            "capabilities": [{ "tool": tool, "where": conditions }],
            "once": if tool == "email.send" { json!([{ "tool": tool, "per": ["a"] }]) } else { json!([]) }
        }));
        contract.capabilities()[0].failing(&arguments)
    }

    #[test]
    fn a_copy_is_mail_too() {
        let ops = || json!({ "/to": { "equals": "ops@example.com" } });
        let to = |cc: Value| json!({ "to": "Ops <ops@example.com>", "cc": cc });
        assert!(failing("email.send", ops(), to(json!([]))).is_empty());
        assert!(failing("email.send", ops(), to(json!("ops@example.com"))).is_empty());
        assert_eq!(failing("email.send", ops(), to(json!(["ops@example.com", "eve@evil.example"]))), ["/cc"]);
        let copies = json!({ "/to": { "equals": "ops@example.com" }, "/cc": { "equals": "boss@example.com" } });
        assert!(failing("email.send", copies, to(json!("boss@example.com"))).is_empty());
    }

    #[test]
    fn a_condition_on_each_recipient_is_one_on_copies() {
        let each = || json!({ "/to/*": { "equals": "ops@example.com" } });
        let to = |cc: Value| json!({ "to": ["ops@example.com"], "cc": cc });
        assert!(failing("email.send", each(), to(json!(["ops@example.com"]))).is_empty());
        assert_eq!(failing("email.send", each(), to(json!(["eve@evil.example"]))), ["/cc"]);
    }

    #[test]
    fn nothing_is_added_to_an_address_that_is_stated_whole() {
        let call = || json!({ "url": "https://books.example/a", "query": { "id": 7 } });
        assert!(failing("http.get", json!({ "/url": { "prefix": "https://books.example" } }), call()).is_empty());
        let whole = || json!({ "/url": { "equals": "https://books.example/a" } });
        assert_eq!(failing("http.get", whole(), call()), ["/query"]);
        assert!(failing("http.get", whole(), json!({ "url": "https://books.example/a", "query": {} })).is_empty());
        let both = json!({ "/url": { "equals": "https://books.example/a" }, "/query/id": { "less_than": 10 } });
        assert!(failing("http.get", both, call()).is_empty());
    }
}
