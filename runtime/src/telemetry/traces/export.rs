//! The way to the receiver: a bounded queue, and a task that sends what is in it. Nobody ever waits for either.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use connectors::egress::{Egress, HostPort, Manner, Outgoing};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::sync::{mpsc, watch};
use url::Url;

use super::span::Span;
use super::wire;
use crate::env::Env;
use crate::retry::RetryPolicy;

/// Spans that wait to be sent: some megabytes, and half a minute of a busy server.
const QUEUE_MAX: usize = 8192;
/// Spans in one request.
const BATCH_MAX: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// A receiver that is away for a moment loses nothing; one that is away for longer loses what does not fit the queue.
const RETRY: RetryPolicy = RetryPolicy { first: Duration::from_millis(500), longest: Duration::from_secs(8) };
/// Tries for one batch.
const TRIES_MAX: usize = 5;
/// How long the end of a server waits for the last spans to leave.
const END_WITHIN: Duration = Duration::from_secs(2);
/// An answer of a receiver says little.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Where spans go.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
}

/// What became of spans.
#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// The way to the receiver.
#[derive(Debug)]
pub(super) struct Export {
    queue: mpsc::Sender<Span>,
    fate: Arc<Fate>,
    ending: watch::Sender<bool>,
    /// Turns true when the last span has left.
    ended: watch::Receiver<bool>,
}

impl Export {
    pub(super) fn start(receiver: Receiver, egress: Arc<Egress>, env: &Env) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let (ending, end) = watch::channel(false);
        let (over, ended) = watch::channel(false);
        let fate = Arc::new(Fate::default());
        let work = Work { receiver, egress, env: env.clone(), fate: Arc::clone(&fate), end };
        tokio::spawn(async move {
            work.send_all(queued).await;
            over.send_replace(true);
        });
        Self { queue, fate, ending, ended }
    }

    /// Hands a span over. One that does not fit is dropped and counted.
    pub(super) fn hand_over(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.fate.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn fate(&self) -> (u64, u64) {
        (self.fate.sent.load(Ordering::Relaxed), self.fate.dropped.load(Ordering::Relaxed))
    }

    /// Sends what is there, and waits a little for it.
    pub(super) async fn end(&self, env: &Env) {
        self.ending.send_replace(true);
        let mut ended = self.ended.clone();
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => {}
            () = env.sleep(END_WITHIN) => {}
        }
    }
}

struct Work {
    receiver: Receiver,
    egress: Arc<Egress>,
    env: Env,
    fate: Arc<Fate>,
    end: watch::Receiver<bool>,
}

impl Work {
    async fn send_all(mut self, mut queue: mpsc::Receiver<Span>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut unreachable = false;
        loop {
            let ending = *self.end.borrow();
            if ending && queue.is_empty() {
                return;
            }
            let mut end = self.end.clone();
            tokio::select! {
                taken = queue.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { return },
                _ = end.wait_for(|end| *end), if !ending => continue,
            }
            if batch.len() < BATCH_MAX && !ending {
                tokio::select! {
                    () = self.env.sleep(GATHER) => {}
                    _ = end.wait_for(|end| *end) => {}
                }
                while batch.len() < BATCH_MAX
                    && let Ok(span) = queue.try_recv()
                {
                    batch.push(span);
                }
            }
            let count = batch.len() as u64;
            match self.deliver(&batch).await {
                Ok(()) => {
                    self.fate.sent.fetch_add(count, Ordering::Relaxed);
                    if std::mem::take(&mut unreachable) {
                        tracing::info!("the receiver of traces takes spans again");
                    }
                }
                Err(reason) => {
                    self.fate.dropped.fetch_add(count, Ordering::Relaxed);
                    // Told once for each time that it is away.
                    if !std::mem::replace(&mut unreachable, true) {
                        tracing::warn!(reason, "the receiver of traces takes no spans; they are dropped, runs go on");
                    }
                }
            }
            batch.clear();
        }
    }

    async fn deliver(&mut self, batch: &[Span]) -> Result<(), String> {
        let body = bytes::Bytes::from(wire::request(batch));
        let mut waits = RETRY.waits().take(TRIES_MAX - 1);
        loop {
            let refused = match self.once(body.clone()).await {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let wait = waits.next().filter(|_| refused.may_pass && !*self.end.borrow());
            let Some(wait) = wait else { return Err(refused.reason) };
            tokio::select! {
                () = self.env.sleep(wait) => {}
                _ = self.end.wait_for(|end| *end) => {}
            }
        }
    }

    async fn once(&self, body: bytes::Bytes) -> Result<(), Refused> {
        let mut headers = self.receiver.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(wire::CONTENT_TYPE));
        let url = &self.receiver.url;
        // The settings name this very host and port, which is the permission for a private address.
        let host = HostPort::new(url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let outgoing = Outgoing {
            method: Method::POST,
            url: url.clone(),
            headers,
            body: Some(body),
            manner: Manner::Effect,
            deadline: self.receiver.timeout,
            private_hosts: std::slice::from_ref(&host),
            credential: None,
            answer_bytes_max: ANSWER_BYTES_MAX,
            trace_parent: None,
        };
        match self.egress.send(outgoing).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(Refused {
                // As OTLP lists them; any other answer says that the same spans are refused for ever.
                may_pass: [429, 502, 503, 504].contains(&answer.status),
                reason: format!("`{host}` answered with status {}", answer.status),
            }),
            Err(fault) => Err(Refused { may_pass: true, reason: fault.error.to_string() }),
        }
    }
}

struct Refused {
    may_pass: bool,
    reason: String,
}
