//! An automation that needs nothing but itself.

use serde_json::{Value, json};

use crate::support::client::Client;

/// The secret of its webhook.
pub(crate) const SECRET: &str = "what only the sender knows";
/// Its name, and that of its webhook.
pub(crate) const NAME: &str = "echo";
pub(crate) const HOOK: &str = "orders";

/// What an import of it says.
pub(crate) fn import(confirm: bool) -> Value {
    json!({
        "name": NAME,
        "contract": {
            "title": "Echo",
            "goal": "Give back what came in.",
            "triggers": [
                { "manual": true },
                { "webhook": { "name": HOOK, "secret": "orders", "signature": "steward" } },
                { "webhook": { "name": "github", "secret": "orders", "signature": "github" } }
            ],
            "capabilities": []
        },
        "script": "export default async function run({ input }) { return input; }",
        "confirm": confirm
    })
}

/// Brings it in.
pub(crate) fn set_up(client: &Client) {
    let put = client.put("/v1/secrets/orders", &json!({ "value": SECRET })).expect("the server answers");
    assert!(put.is_success(), "{}", put.body);
    let imported = client.post("/v1/automations", &import(true)).expect("the server answers");
    assert!(imported.is_success(), "{}", imported.body);
}
