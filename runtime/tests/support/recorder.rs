//! A web service that answers at once and remembers every request, byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    /// The first line and the headers, in small letters.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Came {
    /// Where the request went: its path with its query.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }
}

/// A service on a port of its own.
pub(crate) struct Recorder {
    address: SocketAddr,
    came: Arc<Mutex<Vec<Came>>>,
}

/// What the service does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// It answers, with a status, a content type and a body.
    Says(u16, &'static str, String),
    /// It answers with headers of its own.
    Tells(u16, &'static str, Vec<(String, String)>, String),
    /// It closes without a word.
    HangsUp,
}

/// How the service meets who calls.
#[derive(Debug, Clone)]
pub(crate) enum Meets {
    Plainly,
    /// Encrypted, with a certificate.
    Showing(Arc<ServerConfig>),
    /// It closes before a word is said.
    Shut,
}

type Answer = dyn Fn(&Came) -> Reply + Send + Sync;

impl Recorder {
    pub(crate) fn start() -> Self {
        Self::answering(|_| (200, "{}".to_owned()))
    }

    /// Answers with a status and JSON.
    pub(crate) fn answering(answer: impl Fn(&Came) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::replying(move |came| {
            let (status, body) = answer(came);
            Reply::Says(status, "application/json", body)
        })
    }

    pub(crate) fn replying(answer: impl Fn(&Came) -> Reply + Send + Sync + 'static) -> Self {
        Self::meeting(|| Meets::Plainly, answer)
    }

    /// Meets each that calls as it is said then.
    pub(crate) fn meeting(
        how: impl Fn() -> Meets + Send + 'static,
        answer: impl Fn(&Came) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let answer: Arc<Answer> = Arc::new(answer);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it listens");
        let came = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&came);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (came, answer, how) = (Arc::clone(&shared), Arc::clone(&answer), how());
                std::thread::spawn(move || drop(meet(stream, how, &came, &*answer)));
            }
        });
        Self { address, came }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn meet(stream: TcpStream, how: Meets, came: &Mutex<Vec<Came>>, answer: &Answer) -> std::io::Result<()> {
    match how {
        Meets::Plainly => serve(stream, came, answer),
        Meets::Showing(config) => {
            let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            serve(&mut stream, came, answer)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
        Meets::Shut => Ok(()),
    }
}

fn serve(mut stream: impl Read + Write, came: &Mutex<Vec<Came>>, answer: &Answer) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let request = loop {
        if let Some(request) = whole(&bytes) {
            break request;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    };
    let reply = answer(&request);
    came.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let (status, kind, headers, body) = match reply {
        Reply::Says(status, kind, body) => (status, kind, Vec::new(), body),
        Reply::Tells(status, kind, headers, body) => (status, kind, headers, body),
        Reply::HangsUp => return Ok(()),
    };
    let length = body.len();
    let mut head = format!("HTTP/1.1 {status} Answer\r\ncontent-length: {length}\r\ncontent-type: {kind}");
    for (name, value) in headers {
        head.push_str(&format!("\r\n{name}: {value}"));
    }
    stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n{body}").as_bytes())
}

fn whole(bytes: &[u8]) -> Option<Came> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Came { head, body })
}
