//! The contract under which a model looks around while it plans: reads alone, where the person named them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::named::Named;

/// Tools that look at one place and change nothing, each with the argument that names the place.
const WEB_READ: &str = "http.get";
const CERTIFICATE_READ: &str = "tls.certificate";
const FOLDER_READS: [&str; 2] = ["files.list", "files.read"];

/// The contract of a session. It is read like any other, and the same gate decides by it.
pub fn contract(named: &Named) -> Value {
    let mut capabilities = Vec::new();
    // Nobody but the person knows which of several hosts an account belongs to, and the others must not see its credential.
    let accounts = if named.hosts.len() == 1 { &named.connections } else { &BTreeSet::new() };
    for origin in &named.origins {
        let may = json!({ "tool": WEB_READ, "where": { "/url": { "prefix": origin } } });
        for connection in accounts {
            let mut through = may.clone();
            through["connection"] = json!(connection);
            capabilities.push(through);
        }
        // Without an account last: the first that a call fits counts.
        capabilities.push(may);
    }
    for host in &named.hosts {
        capabilities.push(json!({ "tool": CERTIFICATE_READ, "where": { "/host": { "equals": host } } }));
    }
    for folder in &named.folders {
        for tool in FOLDER_READS {
            capabilities.push(json!({ "tool": tool, "where": { "/folder": { "equals": folder } } }));
        }
    }
    json!({
        "title": "Looking around",
        "goal": "See what the places hold that were named in the conversation.",
        "triggers": [{ "manual": true }],
        "capabilities": capabilities,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Surroundings;

    #[test]
    fn a_session_may_read_what_was_named_and_nothing_else() {
        let around = Surroundings { folders: vec!["bills".to_owned()], connections: vec!["conn_books".to_owned()] };
        let text = "Copy the invoices from https://books.example through conn_books into bills, mail a@b.example";
        let contract = contract(&Named::of([text], &around));
        let web = json!({ "/url": { "prefix": "https://books.example" } });
        let bills = json!({ "/folder": { "equals": "bills" } });
        let may = json!([
            { "tool": "http.get", "where": web, "connection": "conn_books" },
            { "tool": "http.get", "where": web },
            { "tool": "tls.certificate", "where": { "/host": { "equals": "books.example" } } },
            { "tool": "files.list", "where": bills },
            { "tool": "files.read", "where": bills },
        ]);
        assert_eq!(contract["capabilities"], may);
    }

    #[test]
    fn an_account_is_used_only_where_one_host_is_named() {
        let around = Surroundings { folders: Vec::new(), connections: vec!["conn_books".to_owned()] };
        let text = "Compare https://books.example (conn_books) with https://shop.example";
        let contract = contract(&Named::of([text], &around));
        assert!(!contract.to_string().contains("conn_books"), "{contract}");
    }
}
