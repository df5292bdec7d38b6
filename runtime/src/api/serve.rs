//! Starting and ending the HTTP server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, PayloadConfig, QueryConfig};
use actix_web::{App as WebApp, HttpServer, web};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::body::{BODY_BYTES_MAX, bad_query};
use super::correlate::correlate;
use super::faces::Faces;
use super::fallback::fallback;
use super::guard::{Hosts, guard};
use super::idempotency::once;
use super::routes::configure;
use super::token::Token;
use crate::app::App;
use crate::error::{Code, Error};
use crate::hub::Hub;

/// Handlers do little work of their own; two threads keep a slow one from holding up a stop.
const WORKERS: usize = 2;
/// Connections beyond this, and beyond the streams that may be open, wait.
const CONNECTIONS_MAX: usize = 1024;
/// A client that takes longer to send its request is not one of ours.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// Requests that are under way when the server ends get this long, in seconds.
const ENDING_SECONDS: u64 = 5;

/// The running HTTP server.
pub struct Serving {
    /// Where it listens.
    pub address: SocketAddr,
    /// The access token.
    pub token: Token,
    handle: ServerHandle,
    closing: watch::Sender<bool>,
    done: JoinHandle<io::Result<()>>,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Takes an address; port 0 takes a free one.
pub fn bind(listen: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(listen).map_err(|error| {
        if error.kind() != io::ErrorKind::AddrInUse {
            let message = format!("cannot listen on {listen}: {error}; choose another address with `--listen`");
            return Error::new(Code::ListenFailed, message);
        }
        let (ip, other) = (listen.ip(), listen.port().checked_add(1).unwrap_or(7777));
        let message = format!(
            "another program listens on {listen}; choose another port with `steward serve --listen {ip}:{other}`, \
             or end the other program"
        );
        Error::new(Code::PortInUse, message)
    })
}

/// Serves the API on an address that was taken. Needs a tokio runtime.
pub fn serve(app: App, hub: Hub, listener: TcpListener) -> Result<Serving, Error> {
    let failed = |error: io::Error| Error::new(Code::ListenFailed, format!("cannot serve: {error}"));
    let address = listener.local_addr().map_err(failed)?;
    let token = Token::of(&app.config.home, &app.env)?;
    let listeners = usize::from(app.config.server.listeners.get());
    let hosts = Hosts::new(address.port(), &hosts_of(address, &app.config.server.hosts));
    app.notify.listens_on(address.port());
    let (closing, closed) = watch::channel(false);
    let faces = Data::new(Faces::new(app, hub, token.clone(), hosts, closed));
    let server = HttpServer::new(move || {
        WebApp::new()
            .app_data(faces.clone())
            .app_data(PayloadConfig::new(BODY_BYTES_MAX))
            .app_data(QueryConfig::default().error_handler(bad_query))
            // The last to be put around is the first to see a request.
            .wrap(from_fn(once))
            .wrap(from_fn(guard))
            .wrap(from_fn(correlate))
            .configure(configure)
            .default_service(web::to(fallback))
    })
    .workers(WORKERS)
    // Counted for each worker.
    .max_connections((CONNECTIONS_MAX + listeners) / WORKERS)
    .client_request_timeout(REQUEST_WITHIN)
    .shutdown_timeout(ENDING_SECONDS)
    // Signals are for whoever started the server; it ends more than this.
    .disable_signals()
    .listen(listener)
    .map_err(failed)?
    .run();
    let handle = server.handle();
    Ok(Serving { address, token, handle, closing, done: tokio::spawn(server) })
}

/// The names under which the server may be called: those of the settings, and the address that it was told to listen
/// on. A page of somebody else has a name of its own, never that address.
fn hosts_of(address: SocketAddr, named: &[String]) -> Vec<String> {
    let ip = address.ip();
    let own = (!ip.is_unspecified() && !ip.is_loopback()).then(|| address.to_string());
    named.iter().cloned().chain(own).collect()
}

/// Where this machine reaches a server: one that listens on every address is reached on the loopback one.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(if ip.is_unspecified() { Ipv4Addr::LOCALHOST } else { ip }),
        IpAddr::V6(ip) => IpAddr::V6(if ip.is_unspecified() { Ipv6Addr::LOCALHOST } else { ip }),
    };
    SocketAddr::new(ip, address.port())
}

impl Serving {
    /// Where this machine reaches the server.
    pub fn reachable(&self) -> SocketAddr {
        reachable(self.address)
    }

    /// The link that opens a session in a browser.
    pub fn login_link(&self) -> String {
        format!("http://{}/login?token={}", self.reachable(), self.token.expose())
    }

    /// Says that the server is ending: `/readyz` says so from now on, and streams end. Requests are still answered.
    pub fn announce_end(&self) {
        self.closing.send_replace(true);
    }

    /// Ends the server: streams end at once, requests that are under way get a few seconds.
    pub async fn stop(self) {
        self.announce_end();
        self.handle.stop(true).await;
        if let Ok(Err(error)) = self.done.await {
            tracing::error!(%error, "the HTTP server ended with an error");
        }
    }
}
