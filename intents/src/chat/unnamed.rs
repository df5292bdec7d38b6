//! Addresses in a contract that the person never wrote.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use super::named::Named;
use crate::contract::{Capability, Comparison, Condition, Contract, Prefix, Shape, bare_address};

/// The addresses that a contract allows and that a person did not name. Those of the contract that is in force count as
/// named: the person confirmed them.
pub fn unnamed(contract: &Contract, named: &Named, in_force: Option<&Contract>) -> BTreeSet<String> {
    let confirmed: BTreeSet<_> = in_force.into_iter().flat_map(addresses).collect();
    addresses(contract)
        .into_iter()
        .filter(|address| !confirmed.contains(address) && !is_named(address, named))
        .collect()
}

fn is_named(address: &str, named: &Named) -> bool {
    named.origins.contains(address) || named.mail.contains(address) || named.hosts.contains(address)
}

/// Every address that a contract names: origins of web addresses, bare mail addresses, hosts.
fn addresses(contract: &Contract) -> BTreeSet<String> {
    contract.capabilities().iter().flat_map(of_capability).collect()
}

fn of_capability(capability: &Capability) -> Vec<String> {
    let mut found = Vec::new();
    for (place, condition) in &capability.conditions {
        let last = place.argument().and_then(|pointer| pointer.segments().last());
        let is_host = last.is_some_and(|segment| segment == "host");
        found.extend(constants(condition).into_iter().filter_map(|text| match condition.shape {
            Shape::Address => text.parse::<Url>().ok().map(|url| url.origin().ascii_serialization()),
            Shape::Mailbox => bare_address(&text),
            Shape::Plain => is_host.then_some(text),
        }));
    }
    found
}

/// The texts that a condition compares with.
fn constants(condition: &Condition) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match &condition.comparison {
        Comparison::Equals(value) => text(value).into_iter().collect(),
        Comparison::OneOf(values) => values.iter().filter_map(text).collect(),
        Comparison::Prefix(Prefix::Address(prefix)) => vec![prefix.as_str().to_owned()],
        Comparison::Prefix(Prefix::Text(prefix)) => vec![prefix.clone()],
        Comparison::Contains(_)
        | Comparison::Names(_)
        | Comparison::Matches(_)
        | Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AtMostLength(_)
        | Comparison::AsRow(..) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::Surroundings;
    use crate::contract::fixture::vocabulary;

    fn contract(url: &str, to: &str) -> Contract {
        let contract = json!({
            "title": "t", "goal": "g", "triggers": [{ "manual": true }],
            "capabilities": [
                { "tool": "http.get", "where": { "/url": { "prefix": url } } },
                { "tool": "email.send", "where": { "/to": { "equals": to } } }
            ],
            "once": [{ "tool": "email.send", "per": ["thing"] }]
        });
        Contract::from_value(&contract, &vocabulary()).unwrap()
    }

    #[test]
    fn what_the_person_did_not_write_is_told() {
        let named = Named::of(["Mail ann@a.example what is new at https://a.example/feed"], &Surroundings::default());
        let honest = contract("https://a.example/feed", "Ann <ann@a.example>");
        assert_eq!(Vec::from_iter(unnamed(&honest, &named, None)), Vec::<String>::new());
        let other = contract("https://evil.example/", "eve@evil.example");
        assert_eq!(Vec::from_iter(unnamed(&other, &named, None)), ["eve@evil.example", "https://evil.example"]);
        assert_eq!(unnamed(&other, &named, Some(&other)).len(), 0, "it was confirmed before");
    }
}
