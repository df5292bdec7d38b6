//! A request that is sent again happens once.

use serde_json::json;

use crate::automation::{self, NAME};
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::Server;

#[test]
fn the_same_key_gives_the_same_answer_over_a_crash_and_another_body_is_refused() {
    let home = Home::new(&mut Chance::new(5));
    let server = Server::start(&home, &[]);
    let client = server.client();
    automation::set_up(&client);
    let path = format!("/v1/automations/{NAME}/runs");
    let body = json!({ "input": { "n": 1 } }).to_string();
    let key = [("idempotency-key", "order-7")];

    let first = client.send("POST", &path, &key, &body).unwrap();
    assert!(first.is_success(), "{}", first.body);
    assert_eq!(client.send("POST", &path, &key, &body).unwrap().body, first.body);
    server.kill();

    let server = Server::start(&home, &[]);
    let client = server.client();
    assert_eq!(client.send("POST", &path, &key, &body).unwrap().body, first.body);
    let other = client.send("POST", &path, &key, "{}").unwrap();
    assert_eq!((other.status, other.code().as_str()), (422, "IDEMPOTENCY_MISMATCH"));
    let elsewhere = client.send("POST", "/v1/stop", &key, &body).unwrap();
    assert_eq!(elsewhere.code(), "IDEMPOTENCY_MISMATCH");
    let endless = client.send("POST", &path, &[("idempotency-key", &"k".repeat(300))], &body).unwrap();
    assert_eq!((endless.status, endless.code().as_str()), (400, "IDEMPOTENCY_KEY"));
    assert_eq!(client.get("/v1/runs").unwrap().json()["items"].as_array().unwrap().len(), 1);
}
