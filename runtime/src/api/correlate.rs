//! What ties a request to its lines in the log: an id that comes in or is made, and goes out with the answer. And what
//! counts the answers.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web;
use tracing::Instrument;

use super::faces::Faces;

/// Carries the id of a request, in and out.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// A longer id is data.
const ID_CHARS_MAX: usize = 128;

/// Gives a request its id, and logs and counts its end.
pub(super) async fn correlate(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let faces = request.app_data::<web::Data<Faces>>().expect("the server puts its faces into every app").clone();
    let env = &faces.app.env;
    let id = given(&request).unwrap_or_else(|| format!("{:032x}", env.entropy.next_u128()));
    let began = env.clock.nanos();
    let method = request.method().clone();
    // The path alone: a query may hold what nobody should read.
    let path = request.path().to_owned();
    let span = tracing::info_span!("request", request = %id);
    let mut answered = next.call(request).instrument(span.clone()).await?;
    let (status, took) = (answered.status().as_u16(), env.since(began));
    faces.app.meter.answer(status, took);
    span.in_scope(|| tracing::debug!(%method, path, status, took_ms = took.as_millis() as u64, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        answered.headers_mut().insert(REQUEST_ID, id);
    }
    Ok(answered)
}

/// The id that the caller gave, where it is one.
fn given(request: &ServiceRequest) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    (is_plain && (1..=ID_CHARS_MAX).contains(&id.len())).then(|| id.to_owned())
}
