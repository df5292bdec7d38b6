//! A token of an engine opens what engines need, and nothing else.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::server;
use crate::world::{ENGINE, World};

#[test]
fn a_token_of_an_engine_opens_nothing_but_what_engines_need() {
    let world = World::new(61);
    let _server = world.start();
    world.import();
    let engine = world.engine();
    let mut asked = BTreeSet::new();
    for (path, item) in runtime::api::document()["paths"].as_object().expect("the document has paths") {
        for method in item.as_object().expect("a path has methods").keys() {
            let (method, there) = (method.to_uppercase(), path.replace(['{', '}'], ""));
            let for_engines = path == "/v1/engines/claims" || path.starts_with("/v1/engines/runs/");
            let open = ["/healthz", "/readyz", "/login", "/reference.css"].contains(&path.as_str())
                || ["/hooks/", "/errors/", "/answer/"].iter().any(|open| path.starts_with(open));
            if for_engines || open {
                continue;
            }
            let answer = engine.send(&method, &there, &[], b"{}");
            assert_eq!((answer.status, answer.code().as_str()), (403, "TOKEN_SCOPE"), "{method} {path}");
            asked.insert(there);
        }
    }
    assert!(asked.len() > 30, "{asked:?}");
    for trick in ["/v1/engines/runs/../../automations", "/v1/engines/claims/", "/v1/engines/runs/%2e%2e/%2e%2e/runs"] {
        let answer = engine.send("GET", trick, &[], b"");
        assert!([403, 404].contains(&answer.status), "{trick}: {}", answer.body);
    }
    // And the owner's token is none of an engine.
    for (path, body) in [("/v1/engines/claims", json!({})), ("/v1/engines/runs/run_x/heartbeat", json!({}))] {
        let answer = world.post(path, &body);
        assert_eq!((answer.status, answer.code().as_str()), (403, "ENGINE_TOKEN_NEEDED"), "{path}");
    }
}

#[test]
fn a_token_is_shown_once_and_ends_with_its_leases() {
    let world = World::new(62);
    let server = world.start();
    world.import();
    let made = server::run(&world.home, &["engines", "token", "create", ENGINE, "--json"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let secret = made["secret"].as_str().unwrap().to_owned();
    let engine = crate::holder::Engine::new(world.home.port(), &secret);
    world.run(&json!({}));
    let holder = engine.begin();
    let other = world.engine();
    let stolen = crate::holder::Engine::new(world.home.port(), &other.token);
    let path = format!("/v1/engines/runs/{}/heartbeat", holder.run);
    let answer = stolen.send("POST", &path, &[("x-steward-lease", &holder.lease)], b"{}");
    assert_eq!(answer.code(), "LEASE_LOST", "a lease belongs to the token that it was taken with");

    // A token outlives the server, and is nowhere in its folder.
    assert!(server.end().success());
    for entry in std::fs::read_dir(world.home.data()).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{:?}", entry.path());
    }
    let _server = world.start();
    let holder = engine.begin();
    let listed = server::run(&world.home, &["engines", "list"]);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains(ENGINE) && text.contains("orders") && !text.contains(&secret), "{text}");
    let id = made["token"]["id"].as_str().unwrap();
    let revoked = server::run(&world.home, &["engines", "token", "revoke", id]);
    assert_eq!(revoked.status.code(), Some(0), "{revoked:?}");
    let late = holder.post("heartbeat", &json!({}));
    assert_eq!((late.status, late.code().as_str()), (401, "TOKEN_WRONG"));
    assert_eq!(engine.claim_with(&json!({})).status, 401);
    other.begin().complete(&json!(null));
}

#[test]
fn an_engine_claims_its_own_runs_alone() {
    let world = World::new(63);
    let _server = world.start();
    world.import();
    let body =
        json!({ "name": "others", "contract": world.contract(), "engine": { "outside": "another" }, "confirm": true });
    assert_eq!(world.post("/v1/automations", &body).status, 200);
    let other = world.post("/v1/automations/others/runs", &json!({})).json()["run"]["id"].clone();
    let engine = world.engine();
    engine.finds_nothing();
    let run = world.run(&json!({}));
    assert_eq!(engine.claim_with(&json!({ "automation": "others" })).status, 204);
    assert_eq!(engine.claim_with(&json!({ "automation": "nobody" })).status, 404);
    let claim = engine.claim_with(&json!({ "automation": "orders" })).json();
    assert_eq!((&claim["run"], other == claim["run"]), (&json!(run), false));
    assert_eq!(world.post("/v1/automations/others/pause", &json!({})).status, 200);
    let made = world.post("/v1/engines/tokens", &json!({ "engine": "another" })).json();
    let another = crate::holder::Engine::new(world.home.port(), made["secret"].as_str().unwrap());
    another.finds_nothing();
    assert_eq!(world.post("/v1/automations/others/resume", &json!({})).status, 200);
    assert_eq!(json!(another.claim().run), other);
}
