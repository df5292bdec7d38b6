//! Reading bodies and parts of addresses.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::{PayloadError, QueryPayloadError};
use actix_web::{FromRequest, HttpRequest, web};
use intents::contract::parse_exact;
use serde::de::DeserializeOwned;

use crate::error::{Code, Error};

/// Larger than the largest input of a run, in bytes. No request of the API is longer.
pub(super) const BODY_BYTES_MAX: usize = 9 << 20;

/// Whoever takes longer to send a body holds a place that another needs; the longest one arrives in this time at
/// 2.5 Mbit/s.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// A JSON body of a known shape. A key that is said twice, or that nobody knows, is refused, and so is a value that
/// is nested deeper than the parser's 128 levels.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = whole(request, payload);
        Box::pin(async move { parse(&bytes.await?).map(Self) })
    }
}

/// A JSON body that holds a secret: what is wrong with it is not said, since that would repeat a part of it.
pub(super) struct Confidential<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Confidential<T> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = whole(request, payload);
        Box::pin(async move {
            let message = "the body is not what is wanted here; since it may hold a secret, nothing of it is repeated";
            parse(&bytes.await?).map(Self).map_err(|_| Error::new(Code::BodyMalformed, message))
        })
    }
}

/// Reads the bytes of a body.
pub(super) fn whole(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Error>> + use<> {
    let bytes = web::Bytes::from_request(request, payload);
    async move { in_time(BODY_WITHIN, bytes).await?.map_err(unread) }
}

/// Waits for a body to arrive, as long as its sender may take.
pub(super) async fn in_time<T>(within: Duration, arriving: impl Future<Output = T>) -> Result<T, Error> {
    let slow = |_| {
        let message = format!("the body of the request did not arrive within {} seconds", within.as_secs());
        Error::new(Code::BodySlow, message)
    };
    tokio::time::timeout(within, arriving).await.map_err(slow)
}

/// Says why a body could not be read.
fn unread(error: actix_web::Error) -> Error {
    let too_large = || Error::new(Code::BodyTooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes"));
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => too_large(),
        Some(_) => Error::new(Code::BodyMalformed, "the body of the request broke off"),
        None if error.as_response_error().status_code() == actix_web::http::StatusCode::PAYLOAD_TOO_LARGE => {
            too_large()
        }
        None => Error::new(Code::BodyMalformed, "the body of the request could not be read"),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let malformed =
        |reason: String| Error::new(Code::BodyMalformed, format!("the body is not what is wanted here: {reason}"));
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is not UTF-8 text".to_owned()))?;
    // A request that needs no more than its address may leave the body out.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let value = parse_exact(text).map_err(|error| malformed(error.reason()))?;
    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

/// Says why the part after the `?` could not be read.
pub(super) fn bad_query(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Error::new(Code::QueryMalformed, format!("the part of the address after `?` does not make sense: {error}")).into()
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn who_sends_too_slowly_is_told_so() {
        let slow = in_time(Duration::ZERO, pending::<()>()).await.unwrap_err();
        assert_eq!(slow.code(), "BODY_SLOW");
        assert!(in_time(BODY_WITHIN, async {}).await.is_ok());
    }
}
