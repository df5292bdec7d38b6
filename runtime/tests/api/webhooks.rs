//! Signed requests from outside: what is signed is taken in once, and nothing else leaves a trace.

use ring::hmac;
use serde_json::{Value, json};

use crate::automation::{self, HOOK, NAME, SECRET};
use crate::raw::{Answer, Request};
use crate::support::chance::Chance;
use crate::support::client::Client;
use crate::support::home::Home;
use crate::support::server::Server;
use crate::support::webhook::signature;

fn hook(port: u16, name: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::bare(port, "POST", &format!("/hooks/{NAME}/{name}")).saying(body);
    request = request.with("content-type", Some("application/json"));
    for (header, value) in headers {
        request = request.with(header, Some(value));
    }
    request.send(port)
}

fn runs(client: &Client) -> Vec<Value> {
    let runs = client.get("/v1/runs").expect("the server answers").json();
    runs["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_signed_delivery_is_taken_in_once() {
    let home = Home::new(&mut Chance::new(3));
    let server = Server::start(&home, &[]);
    let client = server.client();
    automation::set_up(&client);
    let port = home.port();
    let body = json!({ "order": 7 }).to_string();
    let good = signature(SECRET, &body);
    let sent = |signature: &str, delivery: &str, body: &str| {
        hook(port, HOOK, &[("x-steward-signature", signature), ("x-steward-delivery", delivery)], body)
    };

    let first = sent(&good, "d-1", &body);
    assert_eq!((first.status, first.json()["duplicate"].as_bool()), (202, Some(false)), "{}", first.body);
    let again = sent(&signature(SECRET, &body), "d-1", &body);
    assert_eq!((again.status, &again.json()["run"]), (200, &first.json()["run"]));
    assert_eq!(sent(&good, "d-1", &body).status, 200, "the very same request is a duplicate, too");

    let replayed = sent(&good, "d-2", &body);
    assert_eq!((replayed.status, replayed.code().as_str()), (401, "WEBHOOK_REPLAYED"));
    let stale = hmac_at(SECRET, 1_000_000_000, &body);
    assert_eq!(sent(&stale, "d-3", &body).code(), "WEBHOOK_STALE");
    for (signature, body) in [
        (signature("another secret", &body), body.as_str()),
        (good.clone(), "{\"order\":8}"),
        ("nonsense".to_owned(), body.as_str()),
        (String::new(), body.as_str()),
    ] {
        let refused = sent(&signature, "d-4", body);
        assert_eq!((refused.status, refused.code().as_str()), (401, "WEBHOOK_SIGNATURE"));
    }
    assert_eq!(hook(port, HOOK, &[], &body).code(), "WEBHOOK_SIGNATURE");
    assert_eq!(hook(port, "nothing", &[], &body).code(), "WEBHOOK_UNKNOWN");
    assert_eq!(runs(&client).len(), 1, "what was refused has left nothing");
}

#[test]
fn what_a_delivery_may_hold() {
    let home = Home::new(&mut Chance::new(4));
    let server = Server::start(&home, &[]);
    automation::set_up(&server.client());
    let port = home.port();
    let github = |body: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        format!("sha256={}", hex(hmac::sign(&key, body.as_bytes()).as_ref()))
    };
    let sent = |kind: &str, body: &str| {
        let signature = github(body);
        hook(port, "github", &[("x-hub-signature-256", &signature), ("content-type", kind)], body)
    };
    assert_eq!(sent("application/json", "{\"zen\":1}").status, 202);
    assert_eq!(sent("application/json", "{\"zen\":1}").status, 200, "without a name, the content tells");
    assert_eq!(sent("text/plain; charset=utf-8", "plain").status, 202);
    assert_eq!(sent("application/json", "{").code(), "BODY_MALFORMED");
    assert_eq!(sent("image/png", "x").code(), "CONTENT_TYPE");
    assert_eq!(sent("text/plain", &"x".repeat((1 << 20) + 1)).code(), "BODY_TOO_LARGE");
}

fn hmac_at(secret: &str, at: u64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("t={at},v1={}", hex(hmac::sign(&key, format!("{at}.{body}").as_bytes()).as_ref()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
