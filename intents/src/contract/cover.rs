//! Whether a capability covers a call, with the arguments that stand beside others.
//!
//! "Only to ops" says nothing if a copy may go to anybody, and "only this address" says nothing if a query may be added
//! to it. So a condition on one argument reaches to its companions, unless they have conditions of their own.

use serde_json::Value;

use super::condition::Comparison;
use super::{Capability, Condition, Prefix};
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

fn companions(tool: &Name, place: &str) -> Companions {
    match (tool.service(), place) {
        ("email", "/to") => Companions::Alike(&["/cc", "/bcc"]),
        ("http", "/url") => Companions::Added(&["/query"]),
        _ => Companions::None,
    }
}

/// The places that hold more of the same: where there is a "to", also its copies.
pub(crate) fn alike(tool: &Name, pointer: &Pointer) -> Vec<Pointer> {
    match companions(tool, &pointer.to_string()) {
        Companions::Alike(places) => places.iter().filter_map(|place| place.parse().ok()).collect(),
        Companions::Added(_) | Companions::None => Vec::new(),
    }
}

impl Capability {
    /// The places of a call's arguments at which this capability's conditions fail; none when it covers the call.
    pub fn failing(&self, arguments: &Value) -> Vec<String> {
        let mut failing = Vec::new();
        for (pointer, condition) in &self.conditions {
            if !condition.holds_at(pointer, arguments) {
                failing.push(pointer.to_string());
            }
            let (places, holds): (_, fn(&Condition, &Pointer, &Value) -> bool) =
                match companions(&self.tool, &pointer.to_string()) {
                    Companions::Alike(places) => (places, Condition::holds_at),
                    Companions::Added(places) => (places, |condition, _, _| leaves_open(condition)),
                    Companions::None => continue,
                };
            let further = places.iter().filter_map(|place| place.parse::<Pointer>().ok());
            for place in further.filter(|place| !self.is_about(place)) {
                if is_there(&place, arguments) && !holds(condition, &place, arguments) {
                    failing.push(place.to_string());
                }
            }
        }
        failing
    }

    /// Whether a condition of its own is about the place, or about something in it.
    fn is_about(&self, place: &Pointer) -> bool {
        self.conditions.keys().any(|pointer| pointer.segments().starts_with(place.segments()))
    }
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
fn leaves_open(condition: &Condition) -> bool {
    match &condition.comparison {
        Comparison::Prefix(Prefix::Address(prefix)) => !prefix.has_query(),
        Comparison::Prefix(Prefix::Text(_))
        | Comparison::Equals(_)
        | Comparison::OneOf(_)
        | Comparison::Contains(_)
        | Comparison::Matches(_)
        | Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AtMostLength(_) => false,
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
