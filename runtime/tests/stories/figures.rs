//! `/metrics`: what it says, to whom, and that it stays small.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::place::{Place, SOON};
use crate::recorder::Recorder;
use crate::support::server;
use crate::support::wait::until;

const TOKEN: &str = "a token for figures alone";

/// Every sample by its name and labels; panics where the text is not what Prometheus reads.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a figure has a help text");
            assert!(!help.is_empty() && helped.insert(name.to_owned()), "{name} is helped twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a figure has a type");
            assert!(helped.contains(name) && ["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} has two types");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let name = series.split('{').next().unwrap_or_default();
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let is_known = types.contains_key(name)
                || of_histogram.is_some_and(|name| types.get(name).is_some_and(|kind| kind == "histogram"));
            assert!(is_known, "{line} has no type");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{line}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line} has no number"));
            assert!(value >= 0.0, "{line}");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
        }
    }
    samples
}

#[test]
fn figures_move_with_the_work_and_stay_as_many_as_they_are() {
    let service = Recorder::start();
    let address = service.address();
    let place = Place::new()
        .with("STEWARD_EGRESS__ALLOW_PRIVATE", &address.to_string())
        .with("STEWARD_METRICS__BY_AUTOMATION", "true");
    let server = place.start();
    let read = || {
        let answer = place.client.get("/metrics").expect("the server answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        samples(&answer.body)
    };
    let contract = json!({
        "title": "Counted",
        "goal": "Read and write once.",
        "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "http.get", "where": { "/url": { "prefix": format!("http://{address}/") } } },
            { "tool": "http.request", "where": { "/url": { "prefix": format!("http://{address}/") } } }
        ],
        "once": [{ "tool": "http.request", "per": ["item"] }]
    });
    let script = format!(
        "export default async function run({{ input, tools }}) {{\n\
         await tools.http.get({{ url: 'http://{address}/a' }});\n\
         await tools.http.request({{ method: 'POST', url: 'http://{address}/b' }}, {{ key: {{ item: input.item }} }});\n\
         if (input.fail) throw new Error('no');\n}}\n"
    );
    place.import("counted", &contract, &script, &[]);
    let run = |item: &str, fail: bool, phase: &str| {
        place.run_is(&place.run("counted", &json!({ "item": item, "fail": fail })), phase);
    };
    run("zero", false, "succeeded");
    let before = read();
    run("one", false, "succeeded");
    run("two", false, "succeeded");
    run("three", true, "failed");
    let after = until("the last attempt is counted", SOON, || {
        let now = read();
        (now["steward_attempt_duration_seconds_count"] - before["steward_attempt_duration_seconds_count"] == 3.0)
            .then_some(now)
    });
    let moved = |series: &str| {
        let value = |samples: &BTreeMap<String, f64>| *samples.get(series).unwrap_or_else(|| panic!("no {series}"));
        value(&after) - value(&before)
    };
    for (series, by) in [
        ("steward_runs_total{outcome=\"succeeded\"}", 2.0),
        ("steward_runs_total{outcome=\"failed\"}", 1.0),
        ("steward_attempts_total{ending=\"succeeded\"}", 2.0),
        ("steward_attempts_total{ending=\"failed\"}", 1.0),
        ("steward_calls_total{tool=\"http.get\",outcome=\"value\"}", 3.0),
        ("steward_calls_total{tool=\"http.request\",outcome=\"value\"}", 3.0),
        ("steward_calls_total{tool=\"email.send\",outcome=\"value\"}", 0.0),
        ("steward_effects_total{state=\"started\"}", 3.0),
        ("steward_effects_total{state=\"applied\"}", 3.0),
        ("steward_gate_verdicts_total{verdict=\"allow\"}", 6.0),
        ("steward_gate_verdicts_total{verdict=\"deny\"}", 0.0),
        ("steward_events_total{type=\"run.queued\"}", 3.0),
        ("steward_sandbox_forks_total", 3.0),
        ("steward_run_failures_total{class=\"logic\"}", 1.0),
    ] {
        assert!((moved(series) - by).abs() < f64::EPSILON, "{series} moved by {}, not {by}", moved(series));
    }
    assert!(moved("steward_commits_total") >= 3.0 && moved("steward_http_answers_total{status=\"2xx\"}") >= 3.0);
    for (series, value) in [
        ("steward_store_up", 1.0),
        ("steward_disk_full", 0.0),
        ("steward_stopped", 0.0),
        ("steward_attempts_under_way", 0.0),
        ("steward_runs{phase=\"queued\"}", 0.0),
        ("steward_runs{phase=\"running\"}", 0.0),
        ("steward_automations{mode=\"active\"}", 1.0),
        ("steward_part_working{part=\"executor\"}", 1.0),
    ] {
        assert_eq!(after.get(series), Some(&value), "{series}");
    }
    assert!(after["steward_store_bytes"] > 0.0 && after["process_cpu_seconds_total"] > 0.0);
    assert_eq!(after.keys().filter(|series| series.starts_with("steward_needs_open{")).count(), 1, "one kind is asked");
    let named = after.keys().filter(|series| series.starts_with("steward_automation_runs_total{")).count();
    assert_eq!(named, 3, "one automation, three outcomes");
    // More work makes no more figures.
    let names = |samples: BTreeMap<String, f64>| samples.into_keys().collect::<BTreeSet<_>>();
    run("four", true, "failed");
    assert_eq!(names(read()), names(after));

    // Everything stopped: the figures go on.
    assert!(place.post("/v1/stop", &json!({})).is_success());
    assert_eq!(read()["steward_stopped"], 1.0);
    assert!(server.end().success());
}

#[test]
fn the_token_for_figures_opens_nothing_else() {
    let place = Place::new().with("STEWARD_METRICS__TOKEN", TOKEN);
    let server = place.start();
    let asked = |path: &str, token: &str| {
        let output = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!(
                "printf 'GET {path} HTTP/1.1\\r\\nhost: 127.0.0.1:{port}\\r\\nauthorization: Bearer {token}\\r\\n\
                 connection: close\\r\\n\\r\\n' | timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat >&3; cat <&3'",
                port = place.home.port(),
            ))
            .output()
            .expect("a shell runs");
        String::from_utf8_lossy(&output.stdout).split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(asked("/metrics", TOKEN), "200");
    assert_eq!(asked("/metrics", "wrong"), "401");
    assert_eq!(asked("/v1/runs", TOKEN), "401");
    assert_eq!(asked("/v1/health", TOKEN), "401");
    assert!(place.client.get("/metrics").expect("the server answers").is_success(), "the access token opens it too");
    assert!(server.end().success());
}

#[test]
fn whoever_watches_from_outside_learns_whether_the_server_works() {
    let place = Place::new();
    let health = |arguments: &[&str]| server::run(&place.home, arguments).status.code();
    assert_eq!(health(&["health"]), Some(7), "no server runs, and none is started for the question");
    let server = place.start();
    assert_eq!((health(&["health"]), health(&["health", "--ready"])), (Some(0), Some(0)));
    assert!(server.end().success());
    assert_eq!(health(&["health"]), Some(7));
}
