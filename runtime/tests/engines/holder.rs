//! An engine as the tests play it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::client::read_answer;
use crate::support::wait::until;
use crate::world::SOON;

/// No answer takes longer: a claim waits half a minute.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A program that has a token of an engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    port: u16,
    pub(crate) token: String,
}

/// A run that it holds.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    engine: Engine,
    pub(crate) run: String,
    pub(crate) lease: String,
    /// What the claim gave.
    pub(crate) claim: Value,
}

impl Engine {
    pub(crate) fn new(port: u16, token: &str) -> Self {
        Self { port, token: token.to_owned() }
    }

    /// Sends a request with this token.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut headers = headers.to_vec();
        let bearer = format!("Bearer {}", self.token);
        headers.push(("authorization", &bearer));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        let sent = exchange(self.port, method, path, &headers, body);
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub(crate) fn claim_with(&self, body: &Value) -> Answer {
        self.send("POST", "/v1/engines/claims", &[], body.to_string().as_bytes())
    }

    /// Claims a run that is there, or soon will be.
    pub(crate) fn claim(&self) -> Holder {
        until("there is a run to claim", SOON, || {
            let answer = self.claim_with(&json!({ "wait_ms": 5000 }));
            assert!([200, 204].contains(&answer.status), "{}", answer.body);
            (answer.status == 200).then(|| self.hold(&answer.json()))
        })
    }

    /// Claims a run and says that it begins.
    pub(crate) fn begin(&self) -> Holder {
        let holder = self.claim();
        let begun = holder.post("start", &json!({ "says": "a test" }));
        assert_eq!(begun.status, 200, "{}", begun.body);
        holder
    }

    /// Says that there is nothing to claim.
    pub(crate) fn finds_nothing(&self) {
        let answer = self.claim_with(&json!({}));
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    fn hold(&self, claim: &Value) -> Holder {
        Holder {
            engine: self.clone(),
            run: claim["run"].as_str().unwrap().to_owned(),
            lease: claim["lease"]["token"].as_str().unwrap().to_owned(),
            claim: claim.clone(),
        }
    }
}

impl Holder {
    pub(crate) fn send(&self, method: &str, what: &str, content_type: &str, body: &[u8]) -> Answer {
        let path = format!("/v1/engines/runs/{}/{what}", self.run);
        self.engine.send(method, &path, &[("x-steward-lease", &self.lease), ("content-type", content_type)], body)
    }

    pub(crate) fn post(&self, what: &str, body: &Value) -> Answer {
        self.send("POST", what, "application/json", body.to_string().as_bytes())
    }

    pub(crate) fn get(&self, what: &str) -> Answer {
        self.send("GET", what, "application/json", b"")
    }

    /// Makes a call and gives what it came to.
    pub(crate) fn call(&self, call: &Value) -> Value {
        let answer = self.post("calls", call);
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["state"], "settled");
        answer.json()["outcome"].clone()
    }

    pub(crate) fn complete(&self, result: &Value) -> Value {
        let answer = self.post("complete", &json!({ "result": result }));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// The lease is over, whatever is sent under it.
    pub(crate) fn has_lost(&self) {
        self.is_refused(&["heartbeat", "start", "steps", "calls", "complete", "fail", "release"]);
    }

    /// The lease was given back: that can be said again, and nothing else.
    pub(crate) fn has_lost_but_for_release(&self) {
        self.is_refused(&["heartbeat", "start", "steps", "calls", "complete", "fail"]);
        assert_eq!(self.post("release", &json!({})).status, 200);
    }

    fn is_refused(&self, requests: &[&str]) {
        for what in requests {
            let what = *what;
            let body = match what {
                "steps" => json!({ "id": "late", "name": "late" }),
                "calls" => json!({ "id": "late", "tool": "state.get", "arguments": { "key": "x" } }),
                "fail" => json!({ "class": "logic", "message": "late" }),
                _ => json!({}),
            };
            let answer = self.post(what, &body);
            assert_eq!((answer.status, answer.code().as_str()), (409, "LEASE_LOST"), "{what}: {}", answer.body);
        }
        let artifact = self.send("PUT", "artifacts/late", "application/octet-stream", b"late");
        assert_eq!((artifact.status, artifact.code().as_str()), (409, "LEASE_LOST"), "{}", artifact.body);
    }

    /// The same run, held with another secret.
    pub(crate) fn with_lease(&self, lease: &str) -> Self {
        Self { lease: lease.to_owned(), ..self.clone() }
    }
}

fn exchange(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port)))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    // A server that has read enough to refuse does not read the rest.
    drop(stream.write_all(body));
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    read_answer(&bytes).ok_or_else(|| std::io::Error::other("the answer is not whole"))
}
