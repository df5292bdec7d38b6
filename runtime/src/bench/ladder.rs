//! The automation of the runs: read a list, work on it, send the result once.

use serde_json::{Value, json};

/// Its contract, for a service.
pub(super) fn contract(service: &str) -> Value {
    let under = |route: &str| json!({ "/url": { "prefix": format!("{service}/{route}") } });
    json!({
        "title": "Bench",
        "goal": "Read a list, work on each item, and send the sum once.",
        "triggers": [{ "manual": true, "overlap": "allow" }],
        "capabilities": [
            { "tool": "http.get", "where": under("items") },
            {
                "tool": "http.request", "where": under("sums"),
                "identity": { "keyed": { "header": "Idempotency-Key", "window": "1d" } }
            }
        ],
        "once": [{ "tool": "http.request", "per": ["item"] }]
    })
}

/// Its script, for a service.
pub(super) fn script(service: &str) -> String {
    SCRIPT.replace("SERVICE", service)
}

const SCRIPT: &str = r#"export default async function run({ input, tools }) {
  const { json } = await tools.http.get({ url: "SERVICE/items" });
  const items = json.items.map(({ id, name, price }) => ({ id, name: name.toUpperCase(), cents: Math.round(price * 100) }));
  const sum = items.reduce((total, item) => total + item.cents, 0);
  await tools.http.request({ method: "POST", url: "SERVICE/sums", json: { sum, items } }, { key: { item: input.item } });
  return { sum, count: items.length };
}
"#;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connectors::Catalogue;
    use intents::contract::Contract;
    use intents::tool::Definition;

    use super::*;

    #[test]
    fn the_contract_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let source = connectors::vault::MasterKeySource::KeyFile(folder.path().join("key"));
        let catalogue = Catalogue::new(connectors::Dependencies {
            egress: Arc::new(connectors::egress::Egress::new(Default::default()).unwrap()),
            vault: Arc::new(connectors::vault::Vault::open(folder.path(), &source).unwrap()),
            mail: connectors::email::Mail::Outbox(folder.path().join("outbox")),
        });
        let vocabulary: Vec<Definition> = catalogue.unwrap().definitions().cloned().collect();
        let contract = Contract::from_value(&contract("http://127.0.0.1:8080"), &vocabulary);
        assert!(contract.is_ok(), "{contract:?}");
    }
}
