//! A repeated request with the same `Idempotency-Key` gets the same answer, and happens once.

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, web};
use intents::canonical::Digest;

use super::body::whole;
use super::faces::Faces;
use crate::error::{Code, Error};
use crate::store::AnsweredRequest;

/// The header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longer keys are data.
const KEY_BYTES_MAX: usize = 255;

/// The key of a request, if it has one.
pub(super) fn key(request: &HttpRequest) -> Result<Option<String>, Error> {
    let Some(value) = request.headers().get(KEY) else { return Ok(None) };
    let sound = value
        .to_str()
        .ok()
        .filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    let message = format!("an `Idempotency-Key` has 1 to {KEY_BYTES_MAX} visible ASCII characters");
    sound.map(|key| Some(key.to_owned())).ok_or_else(|| Error::new(Code::IdempotencyKey, message))
}

/// Answers a repeated request as before; lets any other through and remembers its answer.
pub(super) async fn once(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    // What engines send has names of its own that make it happen once, and a secret that is shown once is not kept. A link
    // answers once by itself.
    let path = request.path();
    let own_way = ["/hooks/", "/v1/engines/", "/answer/"].iter().any(|way| path.starts_with(way));
    let applies = *request.method() == Method::POST && !own_way;
    let key = if applies { key(request.request())? } else { None };
    let Some(key) = key else { return next.call(request).await };
    let faces = request.app_data::<web::Data<Faces>>().expect("the server puts its faces into every app").clone();

    let (http, payload) = request.parts_mut();
    let bytes = whole(http, payload).await?;
    let place = request.uri().path_and_query().map_or(request.path(), |place| place.as_str());
    let digest = Digest::of_parts("steward request 1", &[place.as_bytes(), &bytes]).to_string();
    let again = futures_util::stream::once(async move { Ok::<_, PayloadError>(bytes) });
    request.set_payload(Payload::Stream { payload: Box::pin(again) });

    let busy = "a request with this `Idempotency-Key` is still under way; ask again in a moment";
    let taken = faces.take(&key).ok_or_else(|| Error::new(Code::IdempotencyBusy, busy))?;
    if let Some(answer) = faces.app.store.answered_request(&key).await.map_err(Error::from)? {
        if answer.digest != digest {
            let message = "this `Idempotency-Key` was used for another request; take a new key for each request";
            return Err(Error::new(Code::IdempotencyMismatch, message).into());
        }
        return Ok(request.into_response(repeat(answer)));
    }
    let response = next.call(request).await?;
    let response = remember(&faces, &key, digest, response).await?;
    drop(taken);
    Ok(response)
}

fn repeat(answer: AnsweredRequest) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    HttpResponse::build(status).content_type(kind).insert_header((REPLAYED, "true")).body(answer.body)
}

/// Keeps an answer, unless it may be another one next time.
async fn remember(
    faces: &Faces,
    key: &str,
    digest: String,
    response: ServiceResponse<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let status = response.status();
    let passing = [StatusCode::CONFLICT, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
    if status.is_server_error() || passing {
        return Ok(response);
    }
    let (request, response) = response.into_parts();
    let (mut response, body) = response.into_parts();
    let failed = |_| Error::new(Code::ServerFailed, "the answer could not be kept");
    let body = to_bytes(body).await.map_err(failed)?;
    let answer = AnsweredRequest { digest, status: status.as_u16(), body: body.to_vec() };
    faces.app.store.remember_request(key, answer).await.map_err(Error::from)?;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("false"));
    Ok(ServiceResponse::new(request, response.set_body(body).map_into_boxed_body()))
}
