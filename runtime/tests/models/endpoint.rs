//! An endpoint that speaks the protocol, and misbehaves as a test tells it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the endpoint does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, and then says no more, and does not close.
    Then(Vec<u8>),
    /// Never answers.
    Silence,
    /// Closes without a word.
    HangUp,
}

/// A whole answer.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
    Reply::Bytes(format!("{head}connection: close\r\n{headers}\r\n{body}").into())
}

/// An error as endpoints say it.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Reply {
    answer(status, "", &json!({ "error": { "message": message, "type": "t", "code": code } }).to_string())
}

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

/// Events of a stream.
pub(crate) fn events(events: &[&str]) -> Vec<u8> {
    let body: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    format!("{STREAM}{body}").into()
}

/// A piece of text.
pub(crate) fn piece(text: &str) -> String {
    json!({ "model": "m-1", "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] })
        .to_string()
}

/// The end of an answer.
pub(crate) fn end(reason: &str) -> String {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] }).to_string()
}

/// What an answer took.
pub(crate) fn usage(tokens_in: u64, tokens_out: u64) -> String {
    json!({ "choices": [], "usage": { "prompt_tokens": tokens_in, "completion_tokens": tokens_out } }).to_string()
}

/// A stream that says a text and what it took.
pub(crate) fn says(text: &str, tokens_in: u64, tokens_out: u64) -> Reply {
    let (halves, end, usage) = (text.split_at(text.len() / 2), end("stop"), usage(tokens_in, tokens_out));
    Reply::Bytes(events(&[": hello", &piece(halves.0), &piece(halves.1), &end, &usage, "[DONE]"][1..]))
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) head: String,
    pub(crate) body: Value,
}

/// An endpoint on a port of its own.
pub(crate) struct Endpoint {
    port: u16,
    came: Arc<Mutex<Vec<Came>>>,
    count: watch::Receiver<usize>,
}

impl Endpoint {
    /// Answers with these, one after another, and then for ever with the last.
    pub(crate) async fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let came = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let (counting, count) = watch::channel(0);
        let counting = Arc::new(counting);
        let log = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&replies), Arc::clone(&log), Arc::clone(&counting)));
            }
        });
        Self { port, came, count }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The requests so far.
    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.came.lock().unwrap().len()
    }

    /// Waits until so many requests have come.
    pub(crate) async fn has_got(&self, calls: usize) {
        self.count.clone().wait_for(|count| *count >= calls).await.unwrap();
    }
}

async fn serve(
    mut stream: TcpStream,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    log: Arc<Mutex<Vec<Came>>>,
    count: Arc<watch::Sender<usize>>,
) {
    let mut bytes = Vec::new();
    let came = loop {
        if let Some(came) = whole(&bytes) {
            break came;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    };
    log.lock().unwrap().push(came);
    let reply = {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
    };
    count.send_modify(|count| *count += 1);
    match reply.unwrap_or(Reply::HangUp) {
        Reply::Bytes(bytes) => {
            drop(stream.write_all(&bytes).await);
            drop(stream.shutdown().await);
        }
        Reply::Then(bytes) => {
            drop(stream.write_all(&bytes).await);
            std::future::pending().await
        }
        Reply::Silence => std::future::pending().await,
        Reply::HangUp => {}
    }
}

fn whole(request: &[u8]) -> Option<Came> {
    let end = request.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let body = request.get(end + 4..end + 4 + length)?;
    Some(Came { head, body: serde_json::from_slice(body).unwrap_or(Value::Null) })
}
