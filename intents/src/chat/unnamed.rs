//! Addresses and accounts in a contract that the person never wrote.

use std::collections::BTreeSet;

use url::Url;

use super::named::Named;
use crate::contract::{
    Against, Capability, Comparison, Condition, Contract, DeclaredIdentity, Prefix, Shape, bare_address,
};

/// What stands before the name of an account.
const ACCOUNT: &str = "the account ";

/// Where a tool says where it goes, and what a contract allows that does not write it out there.
const DESTINATIONS: [(&str, &str, &str); 4] = [
    ("http.get", "/url", "web addresses that are not written out"),
    ("http.request", "/url", "web addresses that are not written out"),
    ("tls.certificate", "/host", "hosts that are not written out"),
    ("email.send", "/to", "mail addresses that are not written out"),
];

/// The addresses and accounts that a contract allows and that a person did not name. Those of the contract that is in force count as
/// named: the person confirmed them.
pub fn unnamed(contract: &Contract, named: &Named, in_force: Option<&Contract>) -> BTreeSet<String> {
    let confirmed: BTreeSet<_> = in_force.into_iter().flat_map(addresses).collect();
    addresses(contract)
        .into_iter()
        .filter(|address| !confirmed.contains(address) && !is_named(address, named))
        .collect()
}

fn is_named(address: &str, named: &Named) -> bool {
    let account = address.strip_prefix(ACCOUNT);
    named.origins.contains(address)
        || named.mail.contains(address)
        || named.hosts.contains(address)
        || account.is_some_and(|account| named.connections.contains(account))
}

/// Every address that a contract names: origins of web addresses, bare mail addresses, hosts.
fn addresses(contract: &Contract) -> BTreeSet<String> {
    contract.capabilities().iter().flat_map(of_capability).collect()
}

fn of_capability(capability: &Capability) -> Vec<String> {
    let mut found: Vec<String> = anywhere(capability).map(str::to_owned).into_iter().collect();
    // Its credential goes to whatever host the contract says.
    found.extend(capability.connection.as_ref().map(|account| format!("{ACCOUNT}{account}")));
    if let Some(DeclaredIdentity::Queryable { url, .. }) = &capability.identity {
        found.extend(origin(url));
    }
    for (place, condition) in &capability.conditions {
        let last = place.argument().and_then(|pointer| pointer.segments().last());
        let is_host = last.is_some_and(|segment| segment == "host");
        found.extend(constants(condition).into_iter().filter_map(|text| match condition.shape {
            Shape::Address => origin(&text),
            Shape::Mailbox => bare_address(&text),
            Shape::Plain => is_host.then_some(text),
        }));
    }
    found
}

fn origin(address: &str) -> Option<String> {
    address.parse::<Url>().ok().map(|url| url.origin().ascii_serialization())
}

/// What a capability allows beyond addresses that stand in it: a pattern, or no condition at all, may mean anybody. That a
/// mail goes to whom a row names is what `bind` is for.
fn anywhere(capability: &Capability) -> Option<&'static str> {
    let (tool, place, words) = *DESTINATIONS.iter().find(|(tool, ..)| *tool == capability.tool.as_str())?;
    let said = capability
        .conditions
        .iter()
        .find(|(at, _)| at.argument().is_some_and(|pointer| pointer.to_string() == place))
        .map(|(_, condition)| condition);
    let is_said = said.is_some_and(|condition| {
        let is_in_row = matches!(condition.comparison, Comparison::AsRow(Against::Same, _));
        condition.comparison.names_destinations() || (is_in_row && tool == "email.send")
    });
    (!is_said).then_some(words)
}

/// The texts that a condition compares with, whole or in their beginnings.
fn constants(condition: &Condition) -> Vec<String> {
    let start = match &condition.comparison {
        Comparison::Prefix(Prefix::Address(prefix)) => Some(prefix.as_str()),
        Comparison::Prefix(Prefix::Text(prefix)) => Some(prefix.as_str()),
        Comparison::Equals(_)
        | Comparison::OneOf(_)
        | Comparison::Contains(_)
        | Comparison::Names(_)
        | Comparison::Matches(_)
        | Comparison::GreaterThan(_)
        | Comparison::LessThan(_)
        | Comparison::AtMostLength(_)
        | Comparison::AsRow(..) => None,
    };
    condition.comparison.texts().into_iter().chain(start).map(str::to_owned).collect()
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

    #[test]
    fn who_may_be_anybody_is_told_as_well() {
        let named = Named::of(["Mail ann@a.example what is new at https://a.example/feed"], &Surroundings::default());
        let told = |capability: serde_json::Value| {
            let mut contract = contract("https://a.example/feed", "ann@a.example").to_value();
            let tool = capability["tool"].clone();
            let capabilities = contract["capabilities"].as_array_mut().unwrap();
            capabilities.retain(|known| known["tool"] != tool);
            capabilities.push(capability);
            if tool == "http.request" {
                contract["once"].as_array_mut().unwrap().push(json!({ "tool": tool, "per": ["thing"] }));
            }
            Vec::from_iter(unnamed(&Contract::from_value(&contract, &vocabulary()).unwrap(), &named, None))
        };
        let web = ["web addresses that are not written out"];
        assert_eq!(told(json!({ "tool": "http.get" })), web);
        let pattern = json!({ "matches": "https://(a|evil)[.]example/.*" });
        assert_eq!(told(json!({ "tool": "http.get", "where": { "/url": pattern } })), web);
        let mail = json!({ "tool": "email.send", "where": { "/to": { "contains": "@" } } });
        assert_eq!(told(mail), ["mail addresses that are not written out"]);
        let asks =
            json!({ "queryable": { "url": "https://evil.example/{key}", "absent_after": "5s", "window": "1d" } });
        let post = json!({ "tool": "http.request", "where": { "/url": { "equals": "https://a.example/x" } }, "identity": asks });
        assert_eq!(told(post), ["https://evil.example"]);
        let through = json!({ "tool": "http.get", "where": { "/url": { "equals": "https://a.example/x" } }, "connection": "conn_bank" });
        assert_eq!(told(through), ["the account conn_bank"]);
    }
}
