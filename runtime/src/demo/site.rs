//! A site on this machine, with a feed.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::env::Env;

/// Requests of ours are some hundred bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// A client that takes longer has hung up.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Where the feed is.
const FEED: &str = "/feed.xml";

/// A site that serves until it is dropped.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) address: SocketAddr,
    feed: Arc<Mutex<String>>,
    serving: JoinHandle<()>,
}

impl Site {
    /// Starts it, on a free port, with an empty feed.
    pub(super) async fn start(env: &Env) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let feed = Arc::new(Mutex::new(String::new()));
        let (shared, env) = (Arc::clone(&feed), env.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::select! {
                    // A client that breaks off has no answer, and knows that.
                    _ = answer(stream, &shared) => {}
                    () = env.sleep(ANSWER_WITHIN) => {}
                }
            }
        });
        Ok(Self { address, feed, serving })
    }

    /// Publishes a feed in place of the one before.
    pub(super) fn publish(&self, feed: String) {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner) = feed;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut stream: TcpStream, feed: &Mutex<String>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let asks = String::from_utf8_lossy(&head).lines().next().map(|line| line.starts_with(&format!("GET {FEED} ")));
    let (status, body) = match asks {
        Some(true) => ("200 OK", feed.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        Some(false) | None => ("404 Not Found", String::new()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/rss+xml; charset=utf-8\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await?;
    stream.shutdown().await
}
