//! A service that counts what reaches it, by the path that is called.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// A service on a port of its own.
pub(crate) struct Counter {
    address: SocketAddr,
    counts: Counts,
}

impl Counter {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let counts = Counts::default();
        let shared = Arc::clone(&counts);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(stream, &counts)));
            }
        });
        Self { address, counts }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often each path was called.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often one path was called.
    pub(crate) fn of(&self, path: &str) -> usize {
        self.counts().get(path).copied().unwrap_or(0)
    }
}

fn serve(mut stream: TcpStream, counts: &Counts) -> std::io::Result<()> {
    let mut request = Vec::new();
    let head = loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            break head.to_owned();
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&chunk[..count]),
        }
    };
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(path).or_default() += 1;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{}",
    )
}
