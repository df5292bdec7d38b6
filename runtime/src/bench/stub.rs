//! The service that the runs call: on this machine, as fast as can be.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::meter::{thread_number, thread_time};

/// How many things a run gets to work with.
const ITEMS: u32 = 100;
/// No request of the runs is longer.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// A service that answers every GET with the same list, and takes everything else.
///
/// It has a thread of its own, so that its time can be told from that of the runs.
pub(super) struct Stub {
    address: SocketAddr,
    number: Option<u32>,
    thread: Option<JoinHandle<()>>,
    end: Option<oneshot::Sender<()>>,
}

impl Stub {
    pub(super) fn start() -> anyhow::Result<Self> {
        let (end, ended) = oneshot::channel();
        let (tell, told) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("bench-stub".to_owned()).spawn(move || {
            let served = tokio::runtime::Builder::new_current_thread().enable_io().build().map(|runtime| {
                runtime.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await?;
                    // Whoever asked is waiting for it.
                    tell.send((listener.local_addr()?, thread_number())).unwrap_or_default();
                    tokio::select! {
                        () = serve_all(listener) => {}
                        _ = ended => {}
                    }
                    std::io::Result::Ok(())
                })
            });
            if let Err(error) = served.and_then(|served| served) {
                tracing::warn!(%error, "the service of the bench has failed");
            }
        })?;
        let (address, number) = told.recv().context("the service of the bench does not start")?;
        Ok(Self { address, number, thread: Some(thread), end: Some(end) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The processor time that it has used.
    pub(super) fn processor_time(&self) -> Duration {
        self.number.and_then(thread_time).unwrap_or_default()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has said what was wrong.
            thread.join().unwrap_or_default();
        }
    }
}

async fn serve_all(listener: TcpListener) {
    let items: Vec<_> = (0..ITEMS)
        .map(|number| json!({ "id": number, "name": format!("thing {number}"), "price": f64::from(number) * 1.25 }))
        .collect();
    let list = Arc::new(answer(&json!({ "items": items }).to_string()));
    let taken = Arc::new(answer("{\"taken\":true}"));
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&list), Arc::clone(&taken)));
    }
}

fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

/// Answers the requests of one connection for as long as there are some.
async fn serve(mut stream: TcpStream, list: Arc<Vec<u8>>, taken: Arc<Vec<u8>>) {
    let mut bytes = Vec::new();
    loop {
        let request = loop {
            if let Some(request) = Request::first(&bytes) {
                break request;
            }
            let mut chunk = [0; 16 * 1024];
            match stream.read(&mut chunk).await {
                Ok(count) if count > 0 && bytes.len() < REQUEST_BYTES_MAX => bytes.extend_from_slice(&chunk[..count]),
                Ok(_) | Err(_) => return,
            }
        };
        let answer = if request.reads { &list } else { &taken };
        if stream.write_all(answer).await.is_err() {
            return;
        }
        bytes.drain(..request.length);
    }
}

/// What must be known of a request to answer it.
struct Request {
    reads: bool,
    length: usize,
}

impl Request {
    /// The first request, when it is whole.
    fn first(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let body = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let length = end + body.unwrap_or(0);
        (bytes.len() >= length).then(|| Self { reads: head.starts_with("GET"), length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let two = b"POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\n";
        let first = Request::first(two).unwrap();
        assert!(!first.reads);
        let second = Request::first(&two[first.length..]).unwrap();
        assert!(second.reads && first.length + second.length == two.len());
        assert!(Request::first(&two[..30]).is_none());
    }
}
