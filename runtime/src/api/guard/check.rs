//! The checks themselves, and what happens around every handler.

use std::panic::AssertUnwindSafe;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, ResponseError, web};
use futures_util::FutureExt;
use intents::id::EngineTokenId;

use super::session::{self, Caller, cookie_name};
use super::{Hosts, headers};
use crate::api::engines::{EngineCaller, is_for_engines};
use crate::api::faces::Faces;
use crate::error::{Code, Error};

/// Tells that the command line asks. It proves nothing; it is only written into events.
const FACE: HeaderName = HeaderName::from_static("x-steward-face");

/// How a route is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// With the token or a session.
    Locked,
    /// Without: it says no more than that the server is there and what its pages say anywhere, or takes the token itself.
    Open,
    /// With the signature that its handler checks.
    Signed,
    /// With the link that its handler checks: a page with one button, which a browser sends as a form.
    Linked,
    /// With the token or a session, or with the token for figures, which opens nothing else.
    Figures,
    /// With the token of an engine outside, which opens no other door.
    Engine,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Nobody was asked for.
    Anybody,
    /// The owner.
    Owner(Caller),
    /// An engine outside, by its token.
    Engine(EngineTokenId),
}

fn door(path: &str) -> Door {
    match path {
        "/healthz" | "/readyz" | "/login" | "/reference.css" => Door::Open,
        _ if path.starts_with("/errors/") => Door::Open,
        "/metrics" => Door::Figures,
        _ if path.starts_with("/hooks/") => Door::Signed,
        _ if path.starts_with("/answer/") => Door::Linked,
        _ if is_for_engines(path) => Door::Engine,
        _ => Door::Locked,
    }
}

/// Lets a request through to its handler, or answers it.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let checked = check(&request);
    let mut response = match checked {
        Ok(who) => {
            match who {
                Who::Anybody => {}
                Who::Owner(caller) => drop(request.extensions_mut().insert(caller)),
                Who::Engine(token) => drop(request.extensions_mut().insert(EngineCaller(token))),
            }
            let path = request.path().to_owned();
            // No second handle of the request may live while the router fills in what it matched.
            match AssertUnwindSafe(next.call(request)).catch_unwind().await {
                Ok(answered) => answered?,
                Err(_) => {
                    tracing::error!(path, "a handler panicked");
                    let message = "the server failed at this request; its log says more";
                    return Err(Error::new(Code::ServerFailed, message).into());
                }
            }
        }
        Err(error) => request.into_response(error.error_response()),
    };
    headers::put(response.headers_mut());
    Ok(response)
}

fn check(request: &ServiceRequest) -> Result<Who, Error> {
    let faces = request.app_data::<web::Data<Faces>>().expect("the server puts its faces into every app");
    let host = host(request, &faces.hosts)?;
    let origin = origin(request, &faces.hosts, &host)?;
    let door = door(request.path());
    let who = match door {
        Door::Locked | Door::Engine => caller(request, faces)?,
        Door::Figures if scrapes(request, faces)? => Who::Anybody,
        Door::Figures => caller(request, faces)?,
        Door::Open | Door::Signed | Door::Linked => Who::Anybody,
    };
    if matches!(who, Who::Engine(_)) && door != Door::Engine {
        let message = "the token of an engine outside opens nothing but what engines need";
        return Err(Error::new(Code::TokenScope, message));
    }
    let changes = ![Method::GET, Method::HEAD].contains(request.method());
    if changes && door != Door::Signed {
        if who == Who::Owner(Caller::Session) && !origin {
            let message = "a request of a session that changes something must come from a page of this server";
            return Err(Error::new(Code::OriginRefused, message));
        }
        // An artifact is what it is; nothing else is taken in but JSON.
        let is_artifact = door == Door::Engine && request.method() == Method::PUT;
        let wanted = match door {
            Door::Linked => "application/x-www-form-urlencoded",
            Door::Engine if is_artifact => "application/octet-stream",
            Door::Locked | Door::Open | Door::Signed | Door::Figures | Door::Engine => "application/json",
        };
        content_type(request, wanted)?;
    }
    Ok(who)
}

/// The one value of a header; an error when there are several, for who reads which is unknown.
fn one<'r>(request: &'r ServiceRequest, name: &HeaderName, code: Code) -> Result<Option<&'r str>, Error> {
    let mut values = request.headers().get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err(Error::new(code, format!("the request has more than one header `{name}`")));
    }
    first
        .map(|value| value.to_str().map_err(|_| Error::new(code, format!("the header `{name}` is no plain text"))))
        .transpose()
}

fn host(request: &ServiceRequest, hosts: &Hosts) -> Result<String, Error> {
    let refused = || {
        let message = "the request names a host that is not this server; call it by 127.0.0.1, or name the host in `server.hosts`";
        Error::new(Code::HostRefused, message)
    };
    let host = one(request, &HOST, Code::HostRefused)?.ok_or_else(refused)?;
    // A request may say its host a second time, in its first line.
    let line = request.uri().authority().map(|authority| authority.as_str());
    if !hosts.is_host(host) || line.is_some_and(|line| !line.eq_ignore_ascii_case(host)) {
        return Err(refused());
    }
    Ok(host.to_owned())
}

/// Whether the request says that it comes from one of our pages.
fn origin(request: &ServiceRequest, hosts: &Hosts, host: &str) -> Result<bool, Error> {
    match one(request, &ORIGIN, Code::OriginRefused)? {
        None => Ok(false),
        Some(origin) if hosts.is_origin(origin, host) => Ok(true),
        Some(_) => Err(Error::new(Code::OriginRefused, "the request comes from a page of another origin")),
    }
}

/// The token that a request carries in its header.
fn bearer(request: &ServiceRequest) -> Result<Option<&str>, Error> {
    let Some(value) = one(request, &AUTHORIZATION, Code::TokenWrong)? else { return Ok(None) };
    let token = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    token.map(|(_, token)| Some(token.trim())).ok_or_else(wrong)
}

fn wrong() -> Error {
    let message = "the token or session is not valid; the login link of `steward serve` gives a new session";
    Error::new(Code::TokenWrong, message)
}

/// Whether a request carries the token for figures.
fn scrapes(request: &ServiceRequest, faces: &Faces) -> Result<bool, Error> {
    let (Some(own), Some(given)) = (&faces.app.config.metrics.token, bearer(request)?) else { return Ok(false) };
    // Hashes compare in constant time.
    Ok(blake3::hash(own.expose().as_bytes()) == blake3::hash(given.as_bytes()))
}

fn caller(request: &ServiceRequest, faces: &Faces) -> Result<Who, Error> {
    if let Some(token) = bearer(request)? {
        if !faces.token.is(token) {
            return faces.app.engines.token_of(token).map(Who::Engine).ok_or_else(wrong);
        }
        let from_cli = request.headers().get(FACE).is_some_and(|face| face == "cli");
        return Ok(Who::Owner(if from_cli { Caller::CommandLine } else { Caller::Token }));
    }
    let Some(cookie) = request.cookie(&cookie_name(faces.hosts.port())) else {
        let message = "the request has no token; send `Authorization: Bearer TOKEN` with the content of the file `token` in \
                       the data folder, or open the login link that `steward serve` prints";
        return Err(Error::new(Code::TokenMissing, message));
    };
    if session::is_valid(&faces.sessions, &faces.token, cookie.value(), faces.app.env.now()) {
        Ok(Who::Owner(Caller::Session))
    } else {
        Err(wrong())
    }
}

fn content_type(request: &ServiceRequest, wanted: &str) -> Result<(), Error> {
    let value = one(request, &CONTENT_TYPE, Code::ContentType)?.unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let name = header::CONTENT_TYPE;
    Err(Error::new(Code::ContentType, format!("a request that changes something here needs `{name}: {wanted}`")))
}
