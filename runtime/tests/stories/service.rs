//! A service that keeps its callers waiting until the story lets them go.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How many came, and whether they may go.
#[derive(Default)]
struct Door {
    state: Mutex<(usize, bool)>,
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

    /// How many requests have come.
    pub(crate) fn came(&self) -> usize {
        self.door.state.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Answers everybody, from now on at once.
    pub(crate) fn open(&self) {
        self.door.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
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
    let mut state = door.state.lock().unwrap_or_else(PoisonError::into_inner);
    state.0 += 1;
    while !state.1 {
        state = door.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    drop(state);
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}",
    )
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
