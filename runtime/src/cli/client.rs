//! Speaking HTTP to the server.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::api::{Problem, Token};
use crate::error::{Code, Error};

/// A server on this machine that does not take a connection by then is not there.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer takes a minute of waiting for a run, and some.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// A line of a stream that is longer was not sent by a server of ours.
const LINE_BYTES_MAX: usize = 16 << 20;

/// A client of one server.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Token,
}

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Event {
    /// Its name; empty unless it was given one.
    pub(super) name: String,
    /// Its data.
    pub(super) data: String,
}

impl Client {
    pub(super) fn new(address: SocketAddr, token: Token) -> Result<Self, Error> {
        let failed = |error: reqwest::Error| Error::new(Code::NoServer, error.to_string());
        // The server is on this machine: no proxy is ever in between.
        let http = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_WITHIN).build().map_err(failed)?;
        let base = format!("http://{address}/").parse();
        let base = base.map_err(|_| Error::new(Code::NoServer, format!("`{address}` is no address of a server")))?;
        Ok(Self { http, base, token })
    }

    /// Whether a server answers.
    pub(super) async fn is_alive(&self) -> bool {
        let answer = self.http.get(self.address(&["healthz"], &[])).timeout(CONNECT_WITHIN).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Whether it can do its work now.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.http.get(self.address(&["readyz"], &[])).timeout(CONNECT_WITHIN).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    pub(super) async fn get(&self, path: &[&str]) -> Result<Value, Error> {
        self.get_with(path, &[]).await
    }

    pub(super) async fn get_with(&self, path: &[&str], query: &[(&str, String)]) -> Result<Value, Error> {
        self.ask(Method::GET, path, query, None, None).await
    }

    pub(super) async fn post(&self, path: &[&str], body: Value) -> Result<Value, Error> {
        self.ask(Method::POST, path, &[], Some(body), None).await
    }

    /// Asks for something that happens once, however often it is asked for under the same key.
    pub(super) async fn post_once(&self, path: &[&str], body: Value, key: &str) -> Result<Value, Error> {
        self.ask(Method::POST, path, &[], Some(body), Some(key)).await
    }

    pub(super) async fn put(&self, path: &[&str], body: Value) -> Result<Value, Error> {
        self.ask(Method::PUT, path, &[], Some(body), None).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Value, Error> {
        self.ask(Method::DELETE, path, &[], Some(Value::Object(serde_json::Map::new())), None).await
    }

    fn address(&self, path: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<Value>,
        once: Option<&str>,
    ) -> Result<Value, Error> {
        let request = self.http.request(method, self.address(path, query)).timeout(ANSWER_WITHIN);
        let request = request.bearer_auth(self.token.expose()).header("X-Steward-Face", "cli");
        let request = match once {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        read(request.send().await.map_err(unreached)?).await
    }

    /// Reads a stream; `each` says whether to go on.
    pub(super) async fn stream(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        mut each: impl FnMut(Event) -> bool,
    ) -> Result<(), Error> {
        let mut events = self.events(path, query, None).await?;
        while let Some(event) = events.next().await? {
            if !each(event) {
                break;
            }
        }
        Ok(())
    }

    /// Opens a stream, after the event that was seen last.
    pub(super) async fn events(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        last: Option<i64>,
    ) -> Result<Events, Error> {
        let request = self.http.get(self.address(path, query)).bearer_auth(self.token.expose());
        let request = match last {
            Some(last) => request.header("Last-Event-ID", last),
            None => request,
        };
        let answer = request.send().await.map_err(unreached)?;
        if !answer.status().is_success() {
            read(answer).await?;
            return Err(Error::new(Code::AnswerUnreadable, "the server answers no stream where there should be one"));
        }
        Ok(Events { bytes: answer.bytes_stream().boxed(), rest: Vec::new(), event: Event::default(), heard: 0 })
    }
}

/// The events of a stream, as they come.
pub(super) struct Events {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    /// What came and is no whole line yet.
    rest: Vec<u8>,
    event: Event,
    heard: u64,
}

impl Events {
    /// How often anything came, signs of life included.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// The next event; none when the server has ended the stream. Nothing is lost when the wait is given up.
    pub(super) async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                if let Some(whole) = self.event.take(String::from_utf8_lossy(&line).trim_end()) {
                    return Ok(Some(whole));
                }
            }
            if self.rest.len() > LINE_BYTES_MAX {
                return Err(Error::new(Code::AnswerUnreadable, "the server's stream makes no sense"));
            }
            let Some(part) = self.bytes.next().await else { return Ok(None) };
            self.rest.extend_from_slice(&part.map_err(unreached)?);
            self.heard += 1;
        }
    }
}

impl Event {
    /// Takes a line; gives the event that it ends.
    fn take(&mut self, line: &str) -> Option<Self> {
        match line.split_once(':') {
            None if line.is_empty() => return Some(std::mem::take(self)).filter(|event| !event.data.is_empty()),
            Some(("event", name)) => name.trim_start().clone_into(&mut self.name),
            Some(("data", data)) => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
            // Comments, ids and what later versions say.
            None | Some(_) => {}
        }
        None
    }
}

fn unreached(error: reqwest::Error) -> Error {
    let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached any more" };
    Error::new(Code::NoServer, format!("the server {what}; look at its log"))
}

async fn read(answer: Response) -> Result<Value, Error> {
    let status = answer.status();
    let bytes = answer.bytes().await.map_err(unreached)?;
    if bytes.is_empty() && status.is_success() {
        return Ok(Value::Null);
    }
    let unreadable =
        || Error::new(Code::AnswerUnreadable, format!("the server answered {status} with something unreadable"));
    let body: Value = serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
    if status.is_success() {
        return Ok(body);
    }
    let problem = Problem::read(&body).ok_or_else(unreadable)?;
    Err(Error::Answered { status: status.as_u16(), code: problem.code, detail: problem.detail, body })
}

/// Reads an answer into its shape.
pub(super) fn shaped<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    T::deserialize(value).map_err(|error| {
        Error::new(
            Code::AnswerUnreadable,
            format!("the server answers in another shape: {error}; are both of one version?"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_its_events() {
        let mut event = Event::default();
        let lines =
            ["retry: 1000", ": hello", "", "id: 7", "event: progress", "data: {\"a\":1}", "", "data: x", "data: y", ""];
        let whole: Vec<_> = lines.iter().filter_map(|line| event.take(line)).collect();
        assert_eq!(
            whole,
            [
                Event { name: "progress".to_owned(), data: "{\"a\":1}".to_owned() },
                Event { name: String::new(), data: "x\ny".to_owned() },
            ]
        );
    }
}
