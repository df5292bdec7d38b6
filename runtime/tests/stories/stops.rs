//! The stop: acknowledged whatever runs, and nothing starts after it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deletions::Deletions;
use crate::place::{Place, SOON};
use crate::service::Service;
use crate::support::server::run_with;
use crate::support::wait::{now, until};

/// An automation that sends two requests after another for each item.
fn two_steps(address: SocketAddr) -> (Value, String) {
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
    (contract, script)
}

#[test]
fn a_stop_is_acknowledged_while_effects_hang_and_no_effect_starts_after_it() {
    let service = Service::start();
    let address = service.address();
    let place = Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &address.to_string());
    let server = place.start();
    let (contract, script) = two_steps(address);
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

/// Runs at once, over all automations.
const RUNS: usize = 50;
const AUTOMATIONS: usize = 10;
/// Items that each run deletes.
const ITEMS: usize = 1000;
/// What is promised for a stop.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(500);

/// A house in which fifty runs delete a thousand items each.
struct Purge<'a> {
    service: &'a Deletions,
    place: &'a Place,
    runs: Vec<String>,
}

impl<'a> Purge<'a> {
    fn place(service: &Deletions) -> Place {
        Place::new()
            .with("STEWARD_EGRESS__ALLOW_PRIVATE", &service.address().to_string())
            .with("STEWARD_EGRESS__REQUESTS_PER_SECOND", "100000")
            .with("STEWARD_LIMITS__RUNS_AT_ONCE", &RUNS.to_string())
    }

    /// Starts all runs, and waits until each of them deletes.
    fn begin(service: &'a Deletions, place: &'a Place) -> Self {
        let address = service.address();
        let contract = json!({
            "title": "Purge",
            "goal": "Delete what is not needed any more.",
            "triggers": [{ "manual": true, "overlap": "allow" }],
            "capabilities": [{
                "tool": "http.request",
                "where": { "/url": { "prefix": format!("http://{address}/") }, "/method": { "equals": "DELETE" } },
                "identity": { "keyed": { "header": "Idempotency-Key", "window": "24h" } }
            }],
            "once": [{ "tool": "http.request", "per": ["item"] }]
        });
        let script = format!(
            "export default async function run({{ input, tools }}) {{\n\
             for (let number = 0; number < {ITEMS}; number++) {{\n\
             const item = `${{input.batch}}-${{number}}`;\n\
             await tools.http.request({{ method: 'DELETE', url: `http://{address}/${{item}}` }}, {{ key: {{ item }} }});\n\
             }}\n}}\n"
        );
        for automation in 0..AUTOMATIONS {
            place.import(&format!("purge-{automation}"), &contract, &script, &[]);
        }
        let start =
            |run: usize| place.run(&format!("purge-{}", run % AUTOMATIONS), &json!({ "batch": format!("b{run}") }));
        let purge = Self { service, place, runs: (0..RUNS).map(start).collect() };
        purge.all_delete();
        purge
    }

    /// Waits until every run that is not over deletes.
    fn all_delete(&self) {
        let since = now();
        until("all runs delete", SOON, || {
            let batches: BTreeSet<_> =
                self.service.since(since).into_iter().filter_map(|one| batch_of(&one.item)).collect();
            (batches.len() == RUNS).then_some(())
        });
    }

    /// Nothing began at the service after the acknowledgement but what the answer lists.
    fn nothing_began(&self, acknowledged: Instant, answer: &Value, concerns: impl Fn(&str) -> bool) {
        let listed: BTreeSet<String> = answer["in_flight"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|effect| effect["key"].as_str()?.strip_prefix("item=").map(str::to_owned))
            .collect();
        assert!(listed.len() <= RUNS, "each run has one effect at a time: {listed:?}");
        for (number, run) in self.runs.iter().enumerate().filter(|(number, _)| concerns(&format!("b{number}-0"))) {
            until("what was in flight is settled, and the run waits for its turn", SOON, || {
                (self.place.get(&format!("/v1/runs/{run}"))["run"]["phase"] == "queued").then_some(number)
            });
        }
        for deletion in self.service.since(acknowledged) {
            let is_listed = listed.contains(&deletion.item) || !concerns(&deletion.item);
            assert!(is_listed, "{} began after the stop was acknowledged: {listed:?}", deletion.item);
        }
    }

    /// All runs end well, and each item was deleted once.
    fn ends_well(&self) {
        let mut over = 0;
        while over < self.runs.len() {
            let seen = self.service.count();
            over = until("another item is deleted, or all runs are over", SOON, || {
                let of = |phase: &str| {
                    let runs = self.place.get(&format!("/v1/runs?phase={phase}&limit=100"));
                    runs["items"].as_array().map_or(0, Vec::len)
                };
                assert_eq!(of("failed"), 0, "a run failed");
                let over = of("succeeded");
                (self.service.count() > seen || over == self.runs.len()).then_some(over)
            });
        }
        let times = self.service.times();
        assert_eq!(times.len(), RUNS * ITEMS);
        let again: Vec<_> = times.iter().filter(|(_, count)| **count != 1).collect();
        assert!(again.is_empty(), "deleted more than once: {again:?}");
    }

    fn resume(&self, path: &str) {
        let resumed = self.place.post(path, &json!({}));
        assert_eq!(resumed.status, 200, "{}", resumed.body);
    }
}

fn batch_of(item: &str) -> Option<String> {
    item.split_once('-').map(|(batch, _)| batch.to_owned())
}

#[test]
fn fifty_runs_that_delete_are_stopped_within_half_a_second_and_each_item_is_deleted_once() {
    let service = Deletions::start();
    let place = Purge::place(&service);
    let server = place.start();
    let purge = Purge::begin(&service, &place);

    // All, over HTTP.
    let asked = now();
    let stopped = purge.place.post("/v1/stop", &json!({}));
    let acknowledged = now();
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let over_http = acknowledged - asked;
    purge.nothing_began(acknowledged, &stopped.json(), |_| true);
    let survived = purge.place.get("/v1/runs?phase=failed");
    assert_eq!(survived["items"], json!([]), "a stop ends no run");
    purge.resume("/v1/resume");
    purge.all_delete();

    // All, from the command line; its own start is in the time.
    let asked = now();
    let said = run_with(&purge.place.home, &["stop", "--json"], &[]);
    let acknowledged = now();
    assert!(said.status.success(), "{said:?}");
    let over_cli = acknowledged - asked;
    purge.nothing_began(acknowledged, &serde_json::from_slice(&said.stdout).unwrap(), |_| true);
    assert!(run_with(&purge.place.home, &["resume"], &[]).status.success());
    purge.all_delete();

    // One of them: the others go on.
    let asked = now();
    let stopped = purge.place.post("/v1/automations/purge-3/stop", &json!({}));
    let acknowledged = now();
    assert_eq!(stopped.status, 200, "{}", stopped.body);
    let of_one = acknowledged - asked;
    let is_its = |item: &str| {
        let batch = batch_of(item).and_then(|batch| batch[1..].parse::<usize>().ok());
        batch.is_some_and(|batch| batch % AUTOMATIONS == 3)
    };
    purge.nothing_began(acknowledged, &stopped.json(), is_its);
    assert!(!purge.service.since(acknowledged).is_empty(), "the other automations stand still, too");
    purge.resume("/v1/automations/purge-3/resume");

    purge.ends_well();
    println!("acknowledged: over HTTP {over_http:?}, from the command line {over_cli:?}, one automation {of_one:?}");
    for took in [over_http, over_cli, of_one] {
        assert!(took < ACKNOWLEDGED_WITHIN, "acknowledged after {took:?}");
    }
    assert!(server.end().success());
}

#[test]
fn a_pause_lets_the_current_step_end_and_nothing_is_done_again_afterwards() {
    let service = Service::start();
    let address = service.address();
    let place = Place::new().with("STEWARD_EGRESS__ALLOW_PRIVATE", &address.to_string());
    let server = place.start();
    let (contract, script) = two_steps(address);
    place.import("steps", &contract, &script, &[]);
    let run = place.run("steps", &json!({ "item": "a" }));
    until("its first step hangs", SOON, || (service.came() == 1).then_some(()));

    let paused = place.post("/v1/automations/steps/pause", &json!({}));
    assert_eq!(paused.status, 200, "{}", paused.body);
    let kept = place.post("/v1/automations/steps/runs", &json!({ "input": { "item": "b" } }));
    service.open();
    until("its first step ends", SOON, || {
        let effects = place.get("/v1/effects");
        (effects["items"][0]["state"] == "applied").then_some(())
    });
    until("the run has given its place back", SOON, || {
        (place.get(&format!("/v1/runs/{run}"))["run"]["phase"] == "queued").then_some(())
    });
    assert_eq!(service.came(), 1, "another step, or another run, began after the pause");

    assert_eq!(place.post("/v1/automations/steps/resume", &json!({})).status, 200);
    place.run_is(&run, "succeeded");
    let of_b = if kept.is_success() { 2 } else { 0 };
    until("everything that was kept is done", SOON, || (service.came() == 2 + of_b).then_some(()));
    assert!(server.end().success());
}
