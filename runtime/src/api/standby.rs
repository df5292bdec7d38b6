//! What a server answers that is not the active one: that it lives, how it stands, and nothing else.

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{AUTHORIZATION, HOST};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError};
use connectors::vault::Secret;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::guard::{Hosts, put_headers};
use super::token::Token;
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};
use crate::store::{self, Standing};
use crate::telemetry::metrics::{CONTENT_TYPE, Exposition, Process};

struct Faces {
    hosts: Hosts,
    token: Token,
    figures: Option<Secret>,
    standing: watch::Receiver<Standing>,
}

/// A server that stands by, for the outside.
#[derive(Debug)]
pub struct Standby {
    handle: ServerHandle,
    done: JoinHandle<()>,
}

/// Answers on an address for as long as another server is the active one.
pub fn stand_by(
    config: &Config,
    env: &Env,
    listener: TcpListener,
    standing: watch::Receiver<Standing>,
) -> Result<Standby, Error> {
    let failed = |error: std::io::Error| Error::new(Code::ListenFailed, format!("cannot serve: {error}"));
    let hosts = Hosts::new(listener.local_addr().map_err(failed)?.port(), &config.server.hosts);
    let token = Token::of(&config.home, env)?;
    let faces = Data::new(Faces { hosts, token, figures: config.metrics.token.clone(), standing });
    let server = HttpServer::new(move || App::new().app_data(faces.clone()).default_service(web::to(answer)))
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)
        .map_err(failed)?
        .run();
    let handle = server.handle();
    let done = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the server that stands by answers nobody any more");
        }
    });
    Ok(Standby { handle, done })
}

impl Standby {
    /// Leaves the address to the server that is active now.
    pub async fn end(self) {
        self.handle.stop(true).await;
        drop(self.done.await);
    }
}

async fn answer(request: HttpRequest, faces: Data<Faces>) -> HttpResponse {
    let mut response = respond(&request, &faces).unwrap_or_else(|error| error.error_response());
    put_headers(response.headers_mut());
    response
}

fn respond(request: &HttpRequest, faces: &Faces) -> Result<HttpResponse, Error> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| faces.hosts.is_host(host)) {
        return Err(Error::new(Code::HostRefused, "the request names a host that is not this server"));
    }
    let plain = |text: &'static str| HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text);
    match request.path() {
        "/healthz" => Ok(plain("alive\n")),
        "/metrics" => figures(request, faces),
        _ => Err(why_not(&faces.standing.borrow())),
    }
}

/// Why nothing is answered.
fn why_not(standing: &Standing) -> Error {
    Error::Store(match standing {
        Standing::Unreachable { reason } => store::Error::Unreachable { reason: reason.clone() },
        Standing::Starting | Standing::StandingBy => store::Error::StandingBy,
    })
}

fn figures(request: &HttpRequest, faces: &Faces) -> Result<HttpResponse, Error> {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split_once(' ')).map(|(_, token)| token.trim());
    let given = given.ok_or_else(|| Error::new(Code::TokenMissing, "the request has no token"))?;
    // Hashes compare in constant time.
    let same = |own: &Secret| blake3::hash(own.expose().as_bytes()) == blake3::hash(given.as_bytes());
    if !faces.token.is(given) && !faces.figures.as_ref().is_some_and(same) {
        return Err(Error::new(Code::TokenWrong, "the token is not valid"));
    }
    let mut exposition = Exposition::default();
    exposition
        .gauge("steward_build_info", "The version that runs.")
        .value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    exposition.gauge("steward_active", "Whether this is the active server of its database.").value(&[], 0);
    Process::read().write(&mut exposition);
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(exposition.finish()))
}
