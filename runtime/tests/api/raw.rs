//! Requests exactly as they are written, and answers with their headers.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// No answer takes longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A request with every header that it has.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    /// A request with nothing but its host.
    pub(crate) fn bare(port: u16, method: &str, path: &str) -> Self {
        let host = ("host".to_owned(), format!("127.0.0.1:{port}"));
        Self { method: method.to_owned(), path: path.to_owned(), headers: vec![host], body: String::new() }
    }

    /// The same with another value of a header, or without the header.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// The same with a body.
    pub(crate) fn saying(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    fn open(&self, port: u16) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(ANSWER_WITHIN)).expect("a stream takes a bound");
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{}", self.body.len(), self.body));
        stream.write_all(text.as_bytes()).expect("the server reads");
        stream
    }

    /// Sends it and reads the whole answer.
    pub(crate) fn send(&self, port: u16) -> Answer {
        let mut request = self.clone();
        request.headers.push(("connection".to_owned(), "close".to_owned()));
        let mut text = Vec::new();
        request.open(port).read_to_end(&mut text).expect("the server answers");
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{self:?} got `{text}`"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Sends it and reads the status and headers alone: a stream has no end.
    pub(crate) fn head(&self, port: u16) -> Answer {
        let mut reader = BufReader::new(self.open(port));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).expect("the server answers") > 0, "{self:?} got `{head}`");
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("an answer has a status");
        Answer { status, head: head.to_ascii_lowercase(), body: String::new() }
    }

    /// Sends it and reads events as they come. When this returns, the server has begun to answer.
    pub(crate) fn listen(&self, port: u16) -> Listener {
        let mut lines = BufReader::new(self.open(port)).lines();
        let status = lines.next().expect("the server answers").expect("the answer is readable");
        assert!(status.contains(" 200 "), "{self:?} got {status}");
        Listener { lines }
    }
}

/// An open stream of events.
pub(crate) struct Listener {
    lines: Lines<BufReader<TcpStream>>,
}

impl Listener {
    /// The next events, with their ids.
    pub(crate) fn next(&mut self, count: usize) -> Vec<(i64, Value)> {
        let mut events = Vec::new();
        let mut id = 0;
        while events.len() < count {
            let line = self.lines.next().expect("the stream goes on").expect("the stream is readable");
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.parse().expect("ids are numbers");
            } else if let Some(text) = line.strip_prefix("data: ") {
                events.push((id, serde_json::from_str(text).expect("events are JSON")));
            }
        }
        events
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("`{}` is no JSON ({error})", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}
