//! The audit of the record of events, as a stream that says how far it is.

use std::convert::Infallible;

use actix_web::web::{Bytes, Data};
use actix_web::{HttpResponse, get};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::ToSchema;

use super::faces::Faces;
use super::problem::Problem;
use super::sse;
use crate::error::Error;
use crate::store::Audit;

/// How far an audit is: the `progress` events of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditProgress {
    /// Events looked through.
    pub events: u64,
}

/// What an audit found: the `result` event of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// Events looked through.
    pub events: u64,
    /// Streams looked through.
    pub streams: u64,
    /// The position up to which a signed anchor stands for the record.
    pub anchored: Option<i64>,
    /// What is wrong, in order of position.
    pub findings: Vec<String>,
    /// What was wrong at the start of this server, when evidence was set aside.
    pub alarm: Option<String>,
}

/// Frames that wait for a slow reader; progress beyond these is left out.
const FRAMES_MAX: usize = 16;

impl AuditView {
    fn of(audit: Audit, alarm: Option<&str>) -> Self {
        Self {
            ok: audit.findings.is_empty() && alarm.is_none(),
            events: audit.events,
            streams: audit.streams,
            anchored: audit.anchored,
            findings: audit.findings.iter().map(ToString::to_string).collect(),
            alarm: alarm.map(str::to_owned),
        }
    }
}

/// Looks through all events for an edit, a swap, a deletion or a cut tail.
#[utoipa::path(tag = "health", responses(
    (status = 200, description = "Events `progress`, then one `result` or `error`", body = AuditView, content_type = "text/event-stream"),
    (status = 503, description = "Too many streams are open", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/audit")]
pub(super) async fn verify(faces: Data<Faces>) -> Result<HttpResponse, Error> {
    let place = faces.listen()?;
    let (frames, stream) = mpsc::channel::<Bytes>(FRAMES_MAX);
    let store = faces.app.store.clone();
    tokio::spawn(async move {
        let told = frames.clone();
        let progress = move |events| drop(told.try_send(sse::frame(None, Some("progress"), &AuditProgress { events })));
        let last = match store.audit(progress).await {
            Ok(audit) => sse::frame(None, Some("result"), &AuditView::of(audit, store.alarm())),
            Err(error) => sse::frame(None, Some("error"), &Problem::from(&Error::from(error))),
        };
        // Nobody listens any more when the reader has gone.
        drop(frames.send(last).await);
        drop(place);
    });
    Ok(sse::response(ReceiverStream::new(stream).map(Ok::<_, Infallible>)))
}
