//! `http.get` and `http.request` against a server that behaves as told.

use std::time::Duration;

use connectors::DeclaredIdentity;
use intents::canonical::Digest;
use intents::tool::Identity;
use serde_json::{Value, json};

use crate::support::web_server::{Reply, WebServer, answer, json};
use crate::support::{Adjust, Bench, call, ending, settled, value};

async fn get(reply: Reply, more: Value) -> (String, Value) {
    let server = WebServer::answering([reply]).await;
    let mut arguments = json!({ "url": server.url("/invoices") });
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let performed = Bench::new().perform("http.get", &call(arguments).host(server.host())).await;
    let ended = ending(&performed);
    let outcome = performed.map_or_else(|fault| json!(fault.failure), |performed| json!(performed.outcome));
    (ended, outcome)
}

async fn request(method: &str, reply: Reply) -> String {
    let server = WebServer::answering([reply]).await;
    let arguments = json!({ "method": method, "url": server.url("/reminders"), "json": { "b": 1, "a": 2.0 } });
    let call = call(arguments).host(server.host()).within(Duration::from_millis(300));
    ending(&Bench::new().perform("http.request", &call).await)
}

#[tokio::test]
async fn a_read_brings_back_what_the_service_says() {
    let (ended, outcome) = get(json(200, r#"{"items":[{"id":7,"amount":12.5}]}"#), json!({})).await;
    assert_eq!(ended, "value");
    assert_eq!(outcome["value"]["json"], json!({ "items": [{ "id": 7, "amount": 12.5 }] }));
    assert_eq!(outcome["value"]["headers"]["content-type"], "application/json");
    let (_, outcome) = get(answer(200, "Content-Type: text/plain\r\nSet-Cookie: s=1\r\n", "hi"), json!({})).await;
    assert_eq!(outcome["value"]["text"], "hi");
    assert_eq!(outcome["value"]["headers"].get("set-cookie"), None);
}

#[tokio::test]
async fn what_a_status_means_for_a_read() {
    for (reply, expected) in [
        (json(404, r#"{"error":"none"}"#), "refused not_found"),
        (answer(410, "", ""), "refused gone"),
        (answer(409, "", ""), "refused conflict"),
        (answer(422, "", "no"), "refused rejected"),
        (answer(401, "", ""), "auth HTTP_AUTH"),
        (answer(403, "", ""), "permission HTTP_FORBIDDEN"),
        (answer(429, "Retry-After: 7\r\n", ""), "transient HTTP_BUSY"),
        (answer(500, "", ""), "transient HTTP_SERVER_ERROR"),
        (answer(503, "", ""), "transient HTTP_SERVER_ERROR"),
        (Reply::HangUp, "transient HTTP_CONNECTION_LOST"),
        (Reply::Bytes(b"nonsense\r\n\r\n".to_vec()), "transient HTTP_CONNECTION_LOST"),
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf".to_vec()), "transient HTTP_CONNECTION_LOST"),
        (json(200, "{oops"), "logic RESPONSE_NOT_JSON"),
        (json(200, r#"{"id":9007199254740993}"#), "logic NUMBER_NOT_EXACT"),
        (
            answer(200, "Content-Type: text/plain; charset=utf-8\r\n", &"x".repeat(4 * 1024 * 1024 + 1)),
            "limit RESPONSE_TOO_LARGE",
        ),
    ] {
        let shown = format!("{reply:.60?}");
        assert_eq!(get(reply, json!({})).await.0, expected, "{shown}");
    }
    let (_, failure) = get(answer(429, "Retry-After: 7\r\n", ""), json!({})).await;
    assert_eq!(failure["retry_after_ms"], 7000);
    let (_, outcome) = get(json(404, r#"{"error":"none"}"#), json!({})).await;
    assert_eq!(outcome["refused"]["data"], json!({ "status": 404, "json": { "error": "none" } }));
}

#[tokio::test]
async fn a_long_id_arrives_as_text_where_the_script_asks_for_it() {
    let reply = || json(200, r#"{"id":9007199254740993,"n":1}"#);
    let (_, outcome) = get(reply(), json!({ "numbers_as_text": ["/id"] })).await;
    assert_eq!(outcome["value"]["json"], json!({ "id": "9007199254740993", "n": 1 }));
    let (_, outcome) = get(reply(), json!({ "numbers_as_text": true })).await;
    assert_eq!(outcome["value"]["json"], json!({ "id": "9007199254740993", "n": "1" }));
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up_on() {
    let server = WebServer::answering([Reply::Silence]).await;
    let call = call(json!({ "url": server.url("/") })).host(server.host()).within(Duration::from_millis(100));
    assert_eq!(ending(&Bench::new().perform("http.get", &call).await), "transient HTTP_TIMEOUT");
}

#[tokio::test]
async fn after_the_first_byte_an_effect_is_uncertain_unless_the_answer_is_proof() {
    for (reply, expected) in [
        (json(201, r#"{"id":1}"#), "value"),
        (answer(204, "", ""), "value"),
        (answer(303, "Location: /done\r\n", ""), "value"),
        // It was done; that its answer cannot be read does not undo it.
        (json(200, "{oops"), "value"),
        (json(200, r#"{"id":9007199254740993}"#), "value"),
        (answer(400, "", ""), "refused rejected"),
        (answer(404, "", ""), "refused not_found"),
        (answer(409, "", ""), "refused conflict"),
        (answer(307, "Location: /there\r\n", ""), "refused moved"),
        (answer(302, "Location: /there\r\n", ""), "uncertain HTTP_UNCERTAIN"),
        (answer(401, "", ""), "auth HTTP_AUTH"),
        (answer(403, "", ""), "permission HTTP_FORBIDDEN"),
        (answer(429, "", ""), "transient HTTP_BUSY"),
        (answer(503, "Retry-After: 1\r\n", ""), "transient HTTP_BUSY"),
        (answer(503, "", ""), "uncertain HTTP_UNCERTAIN"),
        (answer(500, "", ""), "uncertain HTTP_UNCERTAIN"),
        (answer(502, "", ""), "uncertain HTTP_UNCERTAIN"),
        (Reply::HangUp, "uncertain HTTP_UNCERTAIN"),
        (Reply::Silence, "uncertain HTTP_UNCERTAIN"),
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf".to_vec()), "uncertain HTTP_UNCERTAIN"),
        (Reply::Bytes(b"?".to_vec()), "uncertain HTTP_UNCERTAIN"),
    ] {
        let shown = format!("{reply:?}");
        assert_eq!(request("POST", reply).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn a_request_that_never_left_proves_that_nothing_was_done() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let bench = Bench::new();
    let closed = format!("http://127.0.0.1:{gone}/");
    let granted = connectors::egress::HostPort::new("127.0.0.1", gone);
    for (arguments, expected) in [
        (json!({ "method": "POST", "url": closed }), "transient EGRESS_UNREACHABLE"),
        (json!({ "method": "POST", "url": "http://nowhere.invalid/" }), "transient EGRESS_UNRESOLVED"),
        (json!({ "method": "POST", "url": closed, "headers": { "Host": "x" } }), "logic HEADER_NOT_ALLOWED"),
        (json!({ "method": "POST", "url": closed, "json": 1, "text": "1" }), "logic ARGUMENTS_INVALID"),
        (json!({ "method": "POST", "url": closed, "jsn": 1 }), "logic ARGUMENTS_INVALID"),
        (json!({ "method": "GET", "url": closed }), "logic ARGUMENTS_INVALID"),
    ] {
        let shown = arguments.to_string();
        let call = call(arguments).host(granted.clone());
        assert_eq!(ending(&bench.perform("http.request", &call).await), expected, "{shown}");
    }
}

#[tokio::test]
async fn what_is_sent_is_the_canonical_bytes_and_the_key() {
    let server = WebServer::answering([answer(200, "", "")]).await;
    let arguments = json!({
        "method": "POST", "url": server.url("/reminders"), "query": { "q": "a b" },
        "headers": { "X-Own": "1" }, "json": { "b": 1.0, "a": [1e21, "é"] }
    });
    let call = call(arguments)
        .host(server.host())
        .declared(DeclaredIdentity::Keyed { header: "Idempotency-Key".to_owned(), window_ms: 1000 });
    value(Bench::new().perform("http.request", &call).await);
    let received = server.received().pop().unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    let identity = Digest::of(b"the effect");
    assert_eq!(body, r#"{"a":[1e+21,"é"],"b":1}"#);
    assert!(head.starts_with("POST /reminders?q=a+b HTTP/1.1\r\n"), "{head}");
    for line in [
        format!("idempotency-key: {identity}"),
        format!("x-steward-effect: {identity}"),
        "content-type: application/json".to_owned(),
        "x-own: 1".to_owned(),
        concat!("user-agent: steward/", env!("CARGO_PKG_VERSION")).to_owned(),
    ] {
        assert!(head.lines().any(|header| header == line), "{line} is missing in\n{head}");
    }
}

#[test]
fn the_identity_of_a_request_comes_from_its_method_unless_the_contract_says_more() {
    let tool = Bench::new().tool("http.request");
    let keyed = DeclaredIdentity::Keyed { header: "Idempotency-Key".to_owned(), window_ms: 5 };
    for (method, declared, identity) in [
        ("PUT", None, Identity::Natural),
        ("DELETE", None, Identity::Natural),
        ("POST", None, Identity::Blind),
        ("PATCH", None, Identity::Blind),
        ("TRACE", None, Identity::Blind),
        ("POST", Some(&keyed), Identity::Keyed { window_ms: 5 }),
    ] {
        assert_eq!(tool.identity(&json!({ "method": method }), declared), Some(identity), "{method}");
    }
    assert_eq!(Bench::new().tool("http.get").identity(&json!({}), None), None);
}

async fn settle(method: &str, declared: Option<DeclaredIdentity>, age_ms: u64, reply: Reply) -> (String, usize) {
    let server = WebServer::answering([reply]).await;
    let mut call = call(json!({ "method": method, "url": server.url("/r") }))
        .host(server.host())
        .aged(Duration::from_millis(age_ms))
        .within(Duration::from_secs(5));
    call.declared = declared.map(|declared| match declared {
        DeclaredIdentity::Queryable { absent_after_ms, window_ms, .. } => {
            DeclaredIdentity::Queryable { url: server.url("/by-key/{key}"), absent_after_ms, window_ms }
        }
        keyed @ DeclaredIdentity::Keyed { .. } => keyed,
    });
    let settlement = settled(&Bench::new().settle("http.request", &call).await);
    let received = server.received();
    for request in &received {
        assert!(request.contains(&Digest::of(b"the effect").to_string()), "the key went along: {request}");
    }
    (settlement, received.len())
}

#[tokio::test]
async fn a_keyed_effect_is_settled_by_sending_it_again_within_its_window() {
    let keyed = || Some(DeclaredIdentity::Keyed { header: "Idempotency-Key".to_owned(), window_ms: 1000 });
    for (age, reply, expected, sent) in [
        (10, json(201, "{}"), "applied", 1),
        (10, answer(422, "", ""), "not applied", 1),
        (10, answer(409, "", ""), "unknown", 1),
        (10, answer(429, "", ""), "transient HTTP_BUSY", 1),
        (10, answer(500, "", ""), "transient HTTP_SERVER_ERROR", 1),
        (10, Reply::HangUp, "transient HTTP_CONNECTION_LOST", 1),
        (10, answer(401, "", ""), "auth HTTP_AUTH", 1),
        (1000, json(201, "{}"), "unknown", 0),
    ] {
        let shown = format!("{age} {reply:?}");
        assert_eq!(settle("POST", keyed(), age, reply).await, (expected.to_owned(), sent), "{shown}");
    }
}

#[tokio::test]
async fn a_queryable_effect_is_settled_by_asking_and_absence_counts_only_after_its_delay() {
    let queryable =
        || Some(DeclaredIdentity::Queryable { url: String::new(), absent_after_ms: 500, window_ms: 10_000 });
    for (age, reply, expected, sent) in [
        (10, json(200, r#"{"id":1}"#), "applied", 1),
        (10, json(200, r#"{"id":9007199254740993}"#), "applied", 1),
        (10, answer(404, "", ""), "unknown", 1),
        (500, answer(404, "", ""), "not applied", 1),
        (500, answer(500, "", ""), "transient HTTP_SERVER_ERROR", 1),
        (500, answer(400, "", ""), "unknown", 1),
        (10_000, json(200, "{}"), "unknown", 0),
    ] {
        let shown = format!("{age} {reply:?}");
        assert_eq!(settle("POST", queryable(), age, reply).await, (expected.to_owned(), sent), "{shown}");
    }
}

#[tokio::test]
async fn natural_effects_are_done_again_and_blind_ones_never() {
    for (method, reply, expected, sent) in [
        ("PUT", answer(200, "", ""), "applied", 1),
        ("PUT", answer(412, "", ""), "unknown", 1),
        ("PUT", answer(400, "", ""), "unknown", 1),
        ("PUT", answer(500, "", ""), "transient HTTP_SERVER_ERROR", 1),
        ("DELETE", answer(204, "", ""), "applied", 1),
        ("DELETE", answer(404, "", ""), "applied", 1),
        ("POST", answer(200, "", ""), "unknown", 0),
        ("PATCH", answer(200, "", ""), "unknown", 0),
    ] {
        let shown = format!("{method} {reply:?}");
        assert_eq!(settle(method, None, 10, reply).await, (expected.to_owned(), sent), "{shown}");
    }
}
