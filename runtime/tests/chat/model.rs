//! A model that says what a story wants, as a stream of small pieces, and holds still where the story wants it to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

/// Characters of a piece of text: some words, as models send them.
const PIECE_CHARS: usize = 12;

/// What the model has done, and where it holds still.
#[derive(Default)]
struct State {
    /// The questions that came, in order.
    asked: Vec<Value>,
    /// How often it refused to answer.
    refused: usize,
    /// Pieces that were sent, over all answers.
    sent: usize,
    /// It sends so many pieces and then holds still.
    holds_after: Option<usize>,
}

/// A model on a port of its own.
pub(crate) struct Model {
    address: SocketAddr,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Model {
    /// A model that gives these answers one after another, the last one for ever: which one is next follows from what it
    /// said in the conversation. Each has `content`, `tool_calls` (`name`, `arguments`) and `usage`, or a `status`.
    pub(crate) fn saying(answers: Vec<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let (state, answers) = (Arc::clone(&shared), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, answers) = (Arc::clone(&state), Arc::clone(&answers));
                // A caller that has died is no matter of the model's.
                std::thread::spawn(move || drop(serve(stream, &state, &answers)));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The questions that came so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.shared.0.lock().unwrap().asked.clone()
    }

    /// How many pieces were sent.
    pub(crate) fn sent(&self) -> usize {
        self.shared.0.lock().unwrap().sent
    }

    /// Holds still after so many pieces.
    pub(crate) fn hold_after(&self, pieces: usize) {
        self.shared.0.lock().unwrap().holds_after = Some(pieces);
    }

    /// Goes on.
    pub(crate) fn go_on(&self) {
        self.shared.0.lock().unwrap().holds_after = None;
        self.shared.1.notify_all();
    }
}

fn serve(mut stream: TcpStream, shared: &(Mutex<State>, Condvar), answers: &[Value]) -> std::io::Result<()> {
    let body = read(&mut stream)?;
    let answer = {
        let mut state = shared.0.lock().unwrap();
        let said = body["messages"].as_array().into_iter().flatten().filter(|message| message["role"] == "assistant");
        let next = usize::min(said.count() + state.refused, answers.len() - 1);
        state.refused += usize::from(answers[next]["status"].is_number());
        state.asked.push(body);
        answers[next].clone()
    };
    if let Some(status) = answer["status"].as_u64() {
        let body = json!({ "error": { "message": answer["error"] } }).to_string();
        let head = format!("HTTP/1.1 {status} No\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
        return stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    for piece in pieces(&answer) {
        let mut state = shared.0.lock().unwrap();
        while state.holds_after.is_some_and(|most| state.sent >= most) {
            state = shared.1.wait(state).unwrap();
        }
        stream.write_all(format!("data: {piece}\n\n").as_bytes())?;
        stream.flush()?;
        state.sent += 1;
    }
    stream.write_all(b"data: [DONE]\n\n")
}

/// How many pieces an answer has.
pub(crate) fn pieces_of(answer: &Value) -> usize {
    pieces(answer).len()
}

fn pieces(answer: &Value) -> Vec<Value> {
    let chunk = |delta: Value, finish: Value| json!({ "model": "m-1", "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
    let text: Vec<char> = answer["content"].as_str().unwrap_or_default().chars().collect();
    let mut pieces: Vec<_> = text
        .chunks(PIECE_CHARS)
        .map(|piece| chunk(json!({ "content": piece.iter().collect::<String>() }), Value::Null))
        .collect();
    let calls = answer["tool_calls"].as_array().cloned().unwrap_or_default();
    for (index, call) in calls.iter().enumerate() {
        let arguments = match &call["arguments"] {
            Value::String(text) => text.clone(),
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                value.to_string()
            }
        };
        let function = json!({ "name": call["name"], "arguments": arguments });
        let call = json!({ "index": index, "id": format!("c{index}"), "type": "function", "function": function });
        pieces.push(chunk(json!({ "tool_calls": [call] }), Value::Null));
    }
    pieces.push(chunk(json!({}), json!(if calls.is_empty() { "stop" } else { "tool_calls" })));
    pieces.push(json!({ "model": "m-1", "choices": [], "usage": answer["usage"] }));
    pieces
}

fn read(stream: &mut TcpStream) -> std::io::Result<Value> {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let body = &bytes[end + 4..];
            if body.len() >= length.unwrap_or(0) {
                return Ok(serde_json::from_slice(body).unwrap_or(Value::Null));
            }
        }
        let mut chunk = [0; 16384];
        match stream.read(&mut chunk)? {
            0 => return Ok(Value::Null),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
