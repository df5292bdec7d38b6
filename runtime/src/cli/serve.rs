//! `steward serve`: the server, until it is told to end.

use std::io::{self, IsTerminal};

use connectors::email::Mail;
use tokio::signal::unix::{SignalKind, signal};

use super::connect::understood;
use super::exit::Exit;
use super::log;
use super::out::{Out, tell};
use super::server_file::ServerFile;
use crate::api::{self, Serving};
use crate::config::Config;
use crate::env::Env;
use crate::error::{Code, Error};
use crate::server::{self, Parts};

/// Serves until a signal comes.
pub(super) async fn serve(config: Config, env: Env, out: &mut Out) -> Result<Exit, Error> {
    log::start(&config.log)?;
    take_descriptors();
    // Taken first: a port that is in use says so before anything is opened.
    let listener = api::bind(config.server.listen)?;
    let server = server::start(config.clone(), env, Parts { triggers: true }).await.map_err(understood)?;
    let serving = match api::serve(server.app.clone(), server.hub.clone(), listener) {
        Ok(serving) => serving,
        Err(error) => {
            server.shutdown().await;
            return Err(error);
        }
    };
    let announced = ServerFile::announce(&config.home, serving.address)?;
    greet(&config, &serving, out);

    let ended = told_to_end().await;
    if !out.is_json() {
        tell("Ending: requests and effects under way get a few seconds.");
    }
    drop(announced);
    serving.stop().await;
    server.shutdown().await;
    ended.map(|()| Exit::Success)
}

/// Takes as many descriptors as the system lets us have, so that connections do not take those of runs.
fn take_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

async fn told_to_end() -> Result<(), Error> {
    let failed = |error: io::Error| Error::new(Code::ServerFailed, format!("signals cannot be watched: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

fn greet(config: &Config, serving: &Serving, out: &mut Out) {
    if out.is_json() {
        let pid = std::process::id();
        out.compact(&serde_json::json!({ "address": serving.address, "pid": pid, "home": config.home }));
        return;
    }
    let mail = match &config.mail {
        Mail::Smtp(server) => format!("through {}:{}", server.host, server.port),
        Mail::Outbox(folder) => format!("into {}", folder.display()),
    };
    // A log is read by more people than a terminal: there the token stays in its file.
    let link = if io::stdout().is_terminal() {
        serving.login_link()
    } else {
        format!("http://{}/login?token=$(cat '{}')", serving.address, config.home.join("token").display())
    };
    out.line(format!("Steward {} listens on http://{}", env!("CARGO_PKG_VERSION"), serving.address));
    out.line(format!("Data is in {}; mail goes {mail}", config.home.display()));
    out.line(format!("In a browser: {link}"));
    out.line("Next: `steward automations import DIR`, `steward automations list`, `steward inbox list`");
}
