//! A service that deletes what it is asked to, counts, and remembers when each request came.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::support::wait::now;

/// A request to delete.
#[derive(Debug, Clone)]
pub(crate) struct Deletion {
    /// What is to be deleted.
    pub(crate) item: String,
    /// When its first line had come.
    pub(crate) at: Instant,
}

/// The service, on a port of its own.
pub(crate) struct Deletions {
    address: SocketAddr,
    came: Arc<Mutex<Vec<Deletion>>>,
}

impl Deletions {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let came = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let came = Arc::clone(&shared);
                std::thread::spawn(move || drop(serve(&stream, &came)));
            }
        });
        Self { address, came }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests have come.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// What came after a moment.
    pub(crate) fn since(&self, moment: Instant) -> Vec<Deletion> {
        self.lock().iter().filter(|deletion| deletion.at > moment).cloned().collect()
    }

    /// How often each item was deleted.
    pub(crate) fn times(&self) -> BTreeMap<String, usize> {
        let mut times = BTreeMap::new();
        for deletion in self.lock().iter() {
            *times.entry(deletion.item.clone()).or_insert(0) += 1;
        }
        times
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Deletion>> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request after another; none has a body.
fn serve(stream: &TcpStream, came: &Mutex<Vec<Deletion>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let at = now();
        let item = line.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        assert!(line.starts_with("DELETE "), "{line}");
        while line != "\r\n" {
            line.clear();
            lines.read_line(&mut line)?;
        }
        came.lock().unwrap_or_else(PoisonError::into_inner).push(Deletion { item, at });
        (&*stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}
