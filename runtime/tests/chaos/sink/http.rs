//! As much of HTTP as the service needs: one request on each connection.

use std::io::{self, Read, Write};

use serde_json::Value;

/// No request of the storm is longer.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A whole request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    head: String,
    pub(super) body: String,
}

impl Request {
    /// Reads a request; none when the other side went away before it was whole.
    pub(super) fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            if let Some(request) = Self::parse(&bytes) {
                return Ok(Some(request));
            }
            if bytes.len() > HEAD_BYTES_MAX {
                return Err(io::Error::other("the request is too long"));
            }
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk)? {
                0 => return Ok(None),
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut words = head.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut request = Self { method, path, head, body: String::new() };
        let length: usize = request.header("content-length").map_or(Some(0), |length| length.parse().ok())?;
        request.body = String::from_utf8_lossy(bytes.get(end + 4..end + 4 + length)?).into_owned();
        Some(request)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends an answer.
pub(super) fn answer(stream: &mut impl Write, status: u16, headers: &str, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} Sink\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\
         {headers}\r\n{body}"
    )?;
    stream.flush()
}
