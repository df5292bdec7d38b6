//! Who is let in.

use serde_json::json;

use crate::place::{Place, SOON};
use crate::support::server;
use crate::support::wait::until;
use crate::support::webhook;

const SECRET: &str = "a secret that the sender and Steward share";

#[test]
fn a_webhook_takes_what_is_signed_once_and_nothing_else() {
    let place = Place::new();
    let server = place.start();
    let put = place.client.put("/v1/secrets/shop", &json!({ "value": SECRET })).expect("the server answers");
    assert!(put.is_success(), "{}", put.body);
    let contract = json!({
        "title": "Orders",
        "goal": "Take orders in.",
        "triggers": [{ "webhook": { "name": "orders", "secret": "shop", "signature": "steward" } }],
        "capabilities": []
    });
    place.import("shop", &contract, "export default async function run({ input }) { return input.data; }\n", &[]);

    let body = json!({ "order": 7 }).to_string();
    let send = |signature: Option<&str>, delivery: &str, body: &str| {
        let mut headers = vec![("x-steward-delivery", delivery)];
        headers.extend(signature.map(|signature| ("x-steward-signature", signature)));
        place.client.send("POST", "/hooks/shop/orders", &headers, body).expect("the server answers")
    };
    let signed = webhook::signature(SECRET, &body);
    let by_a_stranger = webhook::signature("another secret", &body);
    for (signature, body) in [
        (None, body.as_str()),
        (Some("t=1,v1=00"), body.as_str()),
        (Some(by_a_stranger.as_str()), body.as_str()),
        (Some(signed.as_str()), r#"{"order":8}"#),
    ] {
        let refused = send(signature, "first", body);
        assert_eq!((refused.status, refused.code().as_str()), (401, "WEBHOOK_SIGNATURE"), "{}", refused.body);
    }
    assert_eq!(place.get("/v1/runs")["items"], json!([]), "nothing was started");

    let taken = send(Some(&signed), "first", &body);
    assert_eq!(taken.status, 202, "{}", taken.body);
    let again = send(Some(&webhook::signature(SECRET, &body)), "first", &body);
    assert_eq!((again.status, &again.json()["duplicate"]), (200, &json!(true)), "{}", again.body);
    until("the one order is taken in", SOON, || {
        let runs = place.get("/v1/runs");
        (runs["items"].as_array().map(Vec::len) == Some(1) && runs["items"][0]["phase"] == "succeeded").then_some(())
    });
    assert!(server.end().success());
}

#[test]
fn a_request_without_the_token_or_for_another_host_learns_nothing() {
    let place = Place::new();
    let server = place.start();
    let token = place.home.data().join("token");
    let known = std::fs::read_to_string(&token).expect("the server made its token");
    for path in ["/v1/automations", "/v1/runs", "/v1/needs", "/v1/secrets", "/v1/settings", "/metrics", "/nowhere"] {
        std::fs::write(&token, "0".repeat(64)).expect("the token can be written");
        let refused = place.client.get(path).expect("the server answers");
        assert_eq!((refused.status, refused.code().as_str()), (401, "TOKEN_WRONG"), "{path}: {}", refused.body);
    }
    std::fs::write(&token, known).expect("the token can be written");
    assert!(place.client.get("/v1/automations").is_ok_and(|answer| answer.is_success()));
    assert!(server.end().success());
}

#[test]
fn a_server_that_listens_everywhere_is_reached_by_its_own_command_line() {
    let place = Place::new();
    let everywhere = format!("0.0.0.0:{}", place.home.port());
    let place = place.with("STEWARD_SERVER__LISTEN", &everywhere);
    let server = place.start();
    let health = server::run(&place.home, &["health", "--ready"]);
    assert!(health.status.success(), "{}", String::from_utf8_lossy(&health.stderr));
    assert!(server.end().success());
}
