//! The stop: acknowledged whatever runs, and nothing starts after it.

use serde_json::json;

use crate::place::{Place, SOON};
use crate::service::Service;
use crate::support::wait::until;

#[test]
fn a_stop_is_acknowledged_while_effects_hang_and_no_effect_starts_after_it() {
    let service = Service::start();
    let address = service.address();
    let place = Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &address.to_string());
    let server = place.start();
    let contract = json!({
        "title": "Slow effects",
        "goal": "Send two requests after another for each item.",
        "triggers": [{ "manual": true }],
        "capabilities": [{ "tool": "http.request", "where": { "/url": { "prefix": format!("http://{address}/") } } }],
        "once": [{ "tool": "http.request", "per": ["item", "step"] }]
    });
    let script = format!(
        "export default async function run({{ input, tools }}) {{\n\
         for (const step of [1, 2]) {{\n\
         await tools.http.request({{ method: 'POST', url: `http://{address}/${{input.item}}/${{step}}` }}, \
         {{ key: {{ item: input.item, step }} }});\n}}\n}}\n"
    );
    let names = ["slow-a", "slow-b", "slow-c"];
    let mut runs = Vec::new();
    for name in names {
        place.import(name, &contract, &script, &[]);
        runs.push(place.run(name, &json!({ "item": name })));
    }
    until("all first effects hang", SOON, || (service.came() == names.len()).then_some(()));

    // The service answers nobody before this has been acknowledged.
    let stopped = place.post("/v1/stop", &json!({}));
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let in_flight = stopped.json()["in_flight"].as_array().cloned().unwrap_or_default();
    assert_eq!(in_flight.len(), names.len(), "{}", stopped.body);
    service.open();
    until("what was in flight is settled", SOON, || {
        let effects = place.get("/v1/effects");
        let items = effects["items"].as_array().cloned().unwrap_or_default();
        (items.len() == names.len() && items.iter().all(|effect| effect["state"] == "applied")).then_some(())
    });
    assert_eq!(service.came(), names.len(), "an effect started after the stop");

    // The stop outlives the server; lifted, everything goes on where it was, and nothing happens twice.
    assert!(server.end().success());
    let server = place.start();
    assert_eq!(service.came(), names.len(), "an effect started in spite of the stop");
    let resumed = place.post("/v1/resume", &json!({}));
    assert_eq!(resumed.status, 200, "{}", resumed.body);
    for run in &runs {
        place.run_is(run, "succeeded");
    }
    assert_eq!(service.came(), 2 * names.len());
    assert!(server.end().success());
}
