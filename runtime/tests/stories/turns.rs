//! Runs that a person starts: in turn, side by side, or not at all while another goes on, as the contract says.

use serde_json::{Value, json};

use crate::place::{Place, SOON};
use crate::service::Service;
use crate::support::wait::until;

/// An automation whose runs hang in a service, started twice by hand. The second answer, and the place.
fn started_twice(overlap: &str, check: impl FnOnce(&Place, &Service, &[Value])) {
    let service = Service::start();
    let address = service.address();
    let place = Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &address.to_string());
    let server = place.start();
    let contract = json!({
        "title": "Slow reads",
        "goal": "Reads what takes long.",
        "triggers": [{ "schedule": "0 9 1 1 *", "tz": "UTC" }, { "manual": true, "overlap": overlap }],
        "capabilities": [{ "tool": "http.get", "where": { "/url": { "prefix": format!("http://{address}/") } } }]
    });
    let script = format!(
        "export default async function run({{ input, tools }}) {{\n\
         await tools.http.get({{ url: `http://{address}/${{input.item}}` }});\n}}\n"
    );
    place.import("slow", &contract, &script, &[]);
    let start = |item: &str| place.post("/v1/automations/slow/runs", &json!({ "input": { "item": item } })).json();
    let first = start("first");
    until("the first run is under way", SOON, || (service.came() == 1).then_some(()));
    check(&place, &service, &[first, start("second")]);
    service.open();
    assert!(server.end().success());
}

fn id(answer: &Value) -> &str {
    answer["run"]["id"].as_str().unwrap_or_else(|| panic!("no run was started: {answer}"))
}

#[test]
fn they_go_side_by_side_where_the_contract_lets_them() {
    started_twice("allow", |place, service, runs| {
        until("both runs are under way", SOON, || (service.came() == 2).then_some(()));
        service.open();
        for run in runs {
            place.run_is(id(run), "succeeded");
        }
    });
}

#[test]
fn they_go_in_turn_where_it_says_nothing_else() {
    started_twice("queue", |place, service, runs| {
        assert_eq!(place.get(&format!("/v1/runs/{}", id(&runs[1])))["run"]["phase"], "queued");
        service.open();
        for run in runs {
            place.run_is(id(run), "succeeded");
        }
        assert_eq!(service.came(), 2);
    });
}

#[test]
fn one_is_left_out_where_it_says_so_and_the_person_is_told() {
    started_twice("skip", |_, _, runs| {
        assert_eq!((&runs[1]["code"], &runs[1]["status"]), (&json!("RUN_OVERLAP"), &json!(409)), "{}", runs[1]);
    });
}
