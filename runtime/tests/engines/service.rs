//! A service that counts what is asked of it, and answers when the story lets it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[derive(Default)]
struct State {
    came: BTreeMap<String, usize>,
    shut: bool,
}

#[derive(Default)]
struct Door {
    state: Mutex<State>,
    changed: Condvar,
}

/// A service on a port of its own.
pub(crate) struct Service {
    address: SocketAddr,
    door: Arc<Door>,
}

impl Service {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let door = Arc::new(Door::default());
        let shared = Arc::clone(&door);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let door = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(stream, &door)));
            }
        });
        Self { address, door }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often something was asked for.
    pub(crate) fn came(&self, path: &str) -> usize {
        self.door.state.lock().unwrap_or_else(PoisonError::into_inner).came.get(path).copied().unwrap_or(0)
    }

    /// How often anything was asked for.
    pub(crate) fn came_in_all(&self) -> usize {
        self.door.state.lock().unwrap_or_else(PoisonError::into_inner).came.values().sum()
    }

    /// Keeps everybody waiting from now on, or answers everybody.
    pub(crate) fn shut(&self, shut: bool) {
        self.door.state.lock().unwrap_or_else(PoisonError::into_inner).shut = shut;
        self.door.changed.notify_all();
    }
}

fn serve(mut stream: TcpStream, door: &Door) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&chunk[..count]),
        }
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = door.state.lock().unwrap_or_else(PoisonError::into_inner);
    *state.came.entry(path.clone()).or_default() += 1;
    while state.shut {
        state = door.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    drop(state);
    let body = format!("{{\"path\":\"{path}\"}}");
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
