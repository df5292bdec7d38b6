//! Server-sent events: frames, heartbeats, and the answer that carries them.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::HeaderName;
use actix_web::web::Bytes;
use futures_util::Stream;

/// A connection that is silent this long may be cut by something in between.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 1000;

/// The first frame: it tells the client how long to wait, and that it is connected.
pub(super) fn hello() -> Bytes {
    Bytes::from(format!("retry: {RETRY_MS}\n: connected\n\n"))
}

/// A comment that keeps the connection alive.
pub(super) fn beat() -> Bytes {
    Bytes::from_static(b": beat\n\n")
}

/// The last frame of a server that ends.
pub(super) fn ending() -> Bytes {
    Bytes::from_static(b"event: ending\ndata: {}\n\n")
}

/// One event.
pub(super) fn frame(id: Option<i64>, name: Option<&str>, data: &impl serde::Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("what is streamed is plain data");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    // JSON text has no line breaks, so one line holds it.
    Bytes::from(format!("{id}{name}data: {data}\n\n"))
}

/// The answer that carries a stream.
pub(super) fn response(frames: impl Stream<Item = Result<Bytes, Infallible>> + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(frames)
}
