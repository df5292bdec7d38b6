//! Finding the running server, or starting one for the time of a command.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::server_file::ServerFile;
use crate::api::{self, Serving, Token};
use crate::config::{Config, Log};
use crate::env::Env;
use crate::error::{Code, Error};
use crate::server::{self, Parts, Server};
use crate::store;
use crate::telemetry::log;

/// Another command may hold the data folder for a moment; a server that starts writes its address soon.
const TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// A way to a server.
pub(super) struct Link {
    /// Speaks to it.
    pub(super) client: Client,
    /// The server, when this process started it.
    own: Option<Own>,
}

struct Own {
    server: Server,
    serving: Serving,
}

impl Link {
    /// Finds the running server, or starts one without triggers.
    pub(super) async fn open(config: &Config, env: &Env) -> Result<Self, Error> {
        let mut tries = 0;
        loop {
            if let Some(client) = running(config).await? {
                return Ok(Self { client, own: None });
            }
            match start(config, env).await {
                Err(Error::Store(store::Error::Locked { .. } | store::Error::StandingBy)) if tries < TRIES => {
                    env.sleep(BETWEEN_TRIES).await
                }
                started => return started,
            }
            tries += 1;
        }
    }

    /// Whether the server goes on when the command ends.
    pub(super) fn is_lasting(&self) -> bool {
        self.own.is_none()
    }

    /// Lets go of the server; ends it when it is ours.
    pub(super) async fn close(self) {
        if let Some(own) = self.own {
            own.serving.stop().await;
            own.server.shutdown().await;
        }
    }
}

/// A client of the running server, if there is one.
pub(super) async fn running(config: &Config) -> Result<Option<Client>, Error> {
    let Some(found) = ServerFile::read(&config.home) else { return Ok(None) };
    let Some(token) = Token::read(&config.home)? else { return Ok(None) };
    let client = Client::new(found.address, token)?;
    Ok(client.is_alive().await.then_some(client))
}

/// A client of the very server that listens where this configuration says. The data folder names the active one, which
/// may be another where several servers have one database.
pub(super) async fn listening(config: &Config) -> Result<Option<Client>, Error> {
    if config.store.url.is_none() {
        return running(config).await;
    }
    let Some(token) = Token::read(&config.home)? else { return Ok(None) };
    let client = Client::new(api::reachable(config.server.listen), token)?;
    Ok(client.is_alive().await.then_some(client))
}

async fn start(config: &Config, env: &Env) -> Result<Link, Error> {
    let mut config = config.clone();
    config.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.log = Log { level: log::QUIET.to_owned(), file: None, ..config.log };
    // Started twice in one process the log stays as it was.
    drop(log::Log::start(&config.log, Arc::clone(&env.clock)));
    let listener = api::bind(config.server.listen)?;
    // A command waits for no other server.
    let started = server::start(config, env.clone(), Parts { triggers: false }, &|_| false).await;
    let server = started.map_err(understood)?;
    let serving = api::serve(server.app.clone(), server.hub.clone(), listener)?;
    let client = Client::new(serving.reachable(), serving.token.clone())?;
    Ok(Link { client, own: Some(Own { server, serving }) })
}

/// The error that is in an error of the start.
pub(super) fn understood(error: anyhow::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    let error = match error.downcast::<store::Error>() {
        Ok(error) => return error.into(),
        Err(error) => error,
    };
    let error = match error.downcast::<connectors::Error>() {
        Ok(error) => return error.into(),
        Err(error) => error,
    };
    match error.downcast::<sandbox::Error>() {
        Ok(error) => error.into(),
        Err(error) => Error::new(Code::ServerFailed, format!("the server could not start: {error:#}")),
    }
}
