//! Who asks for a run, and by what right.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use intents::canonical;
use intents::id::{EngineTokenId, RunId};
use serde_json::Value;

use crate::api::faces::Faces;
use crate::api::page;
use crate::engine::EngineName;
use crate::error::{Code, Error};
use crate::executor::outside::{Lease, Refusal};

/// The header that carries the secret of a lease.
const LEASE: HeaderName = HeaderName::from_static("x-steward-lease");
/// Longer names are data.
const NAME_MAX: usize = 100;

/// An engine that came with its token, as the guard has noted.
#[derive(Debug, Clone, Copy)]
pub(in crate::api) struct EngineCaller(pub(in crate::api) EngineTokenId);

impl EngineCaller {
    /// The engine that its token stands for.
    pub(super) fn engine(self, faces: &Faces) -> Result<EngineName, Error> {
        // It may have been revoked a moment ago.
        let wrong = || Error::new(Code::TokenWrong, "the token is not valid any more");
        faces.app.engines.engine_of(self.0).ok_or_else(wrong)
    }

    fn of(request: &HttpRequest) -> Result<Self, Error> {
        let needed = || {
            let message =
                "this address is for engines outside; make a token for one with `steward engines token create NAME`";
            Error::new(Code::EngineTokenNeeded, message)
        };
        request.extensions().get().copied().ok_or_else(needed)
    }
}

impl FromRequest for EngineCaller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// The lease of the run in the address, which the request holds.
pub(super) struct Held(pub(super) Lease);

impl Held {
    fn of(request: &HttpRequest) -> Result<Self, Error> {
        let caller = EngineCaller::of(request)?;
        let faces = request.app_data::<Data<Faces>>().expect("the server puts its faces into every app");
        let run: RunId = page::id("run", request.match_info().get("run").unwrap_or_default())?;
        let secret = request.headers().get(LEASE).and_then(|secret| secret.to_str().ok());
        let secret = secret.ok_or_else(|| {
            let message =
                format!("the request has no header `{LEASE}` with the token of the lease, which the claim gave");
            Error::new(Code::EngineReport, message)
        })?;
        let unknown = || {
            let message = format!(
                "this is no lease of {run}: it is of another run or engine, of a server that has ended, or long over; \
                 what is sent under it has no effect. Claim again"
            );
            Error::new(Code::LeaseLost, message)
        };
        faces.app.engines.lease(run, caller.0, secret).map(Self).ok_or_else(unknown)
    }
}

impl FromRequest for Held {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Over(over) => {
                Self::new(Code::LeaseLost, format!("the lease is over: {over}. What is sent under it has no effect"))
            }
            Refusal::Ending => {
                Self::new(Code::LeaseLost, "the lease is about to be over: the run ends, sleeps or was given back")
            }
            Refusal::NotStarted => {
                Self::new(Code::LeaseNotStarted, "say first that the run begins: POST to its `start`")
            }
            Refusal::CallDiffers { id } => Self::new(
                Code::NameReused,
                format!("`{id}` is another call of this run; take a new name for each call"),
            ),
            Refusal::CallUnknown { id } => Self::new(Code::CallUnknown, format!("this run has made no call `{id}`")),
            Refusal::StepDiffers { id } => Self::new(
                Code::NameReused,
                format!("`{id}` is another mark of this run; take a new name for each mark"),
            ),
            Refusal::StepsFull => Self::new(Code::EngineLimit, "the run has as many marks as a run may have"),
            Refusal::Busy => Self::new(
                Code::EngineBusy,
                "the run has as many calls under way as it may have at once; wait for one of them",
            ),
        }
    }
}

/// A name that an engine gives to a call, a mark or an artifact.
pub(super) fn name(what: &str, text: &str) -> Result<String, Error> {
    let sound = (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
        && !text.starts_with('.');
    if sound {
        return Ok(text.to_owned());
    }
    let message = format!("the name of {what} has 1 to {NAME_MAX} letters, digits, `.`, `_`, `:` and `-`");
    Err(Error::new(Code::EngineReport, message))
}

/// A text for people.
pub(super) fn words(what: &str, text: String, chars_max: usize) -> Result<String, Error> {
    if (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control() && c != '\n') {
        return Ok(text);
    }
    let message = format!("{what} is a text of 1 to {chars_max} characters without control characters");
    Err(Error::new(Code::EngineReport, message))
}

/// Data that every reader understands in the same way, as its canonical text.
pub(super) fn plain(what: &str, value: &Value, bytes_max: usize) -> Result<String, Error> {
    if let Some(place) = canonical::first_inexact(value) {
        let message = format!("the number at `{place}` of {what} is held exactly by no double; send it as a text");
        return Err(Error::new(Code::EngineReport, message));
    }
    let text = canonical::to_string(value);
    if text.len() > bytes_max {
        return Err(Error::new(Code::BodyTooLarge, format!("{what} has more than {bytes_max} bytes")));
    }
    Ok(text)
}
