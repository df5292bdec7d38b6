//! `steward serve`: the server, until it is told to end.

use std::io::{self, IsTerminal};
use std::net::TcpListener;
use std::pin::pin;
use std::process;
use std::sync::Arc;

use connectors::email::Mail;
use tokio::sync::watch;

use super::connect::understood;
use super::exit::Exit;
use super::manager::{Manager, Watchdog};
use super::out::{Out, tell};
use super::server_file::ServerFile;
use super::signals::{Signals, Told};
use crate::api::{self, Serving};
use crate::config::{Config, Flags};
use crate::descriptors;
use crate::env::Env;
use crate::error::{Code, Error};
use crate::server::{self, Parts, Server};
use crate::store::{Standing, Store};
use crate::telemetry::log::Log;

/// Serves until a signal comes.
pub(super) async fn serve(config: Config, flags: &Flags, env: Env, out: &mut Out) -> Result<Exit, Error> {
    let log = Log::start(&config.log, Arc::clone(&env.clock))?;
    // Watched from the start: what comes while the server starts is not lost.
    let mut signals = Signals::watch()?;
    let manager = Manager::of_this_process();
    descriptors::take();
    // Taken first: a port that is in use says so before anything is opened.
    let listener = api::bind(config.server.listen)?;
    let Some(mut server) = active(&config, &env, &listener, &mut signals, &manager).await? else {
        return Ok(Exit::Success);
    };
    server.app.log = Some(log.clone());
    let serving = match api::serve(server.app.clone(), server.hub.clone(), listener) {
        Ok(serving) => serving,
        Err(error) => {
            server.shutdown().await;
            return Err(error);
        }
    };
    let announced = ServerFile::announce(&config.home, serving.reachable())?;
    greet(&config, &serving, server.app.health.golden().as_deref(), out);
    manager.tell("READY=1");
    let watchdog = Watchdog::start(&manager, &env, &server.app.control);

    loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Reload => reload(&log, flags),
                Told::End => break,
            },
            why = server.app.store.lost() => {
                tracing::error!(error = %why, "this server may not write any more, and ends at once");
                tell(format!("Ending at once: {why}"));
                // Nothing is given back and nothing is told: whatever this server still knows is another's now.
                process::exit(Exit::Overtaken.number().into());
            }
        }
    }
    signals.end_at_once_when_told_again();
    manager.tell("STOPPING=1");
    tracing::info!("the server ends: requests and effects under way get a few seconds");
    if io::stderr().is_terminal() && !out.is_json() {
        tell("Ending: requests and effects under way get a few seconds. Once more ends it at once.");
    }
    // First nothing new starts and what is under way is given back, while whoever asks is still answered.
    serving.announce_end();
    server.rest().await;
    drop(announced);
    serving.stop().await;
    drop(watchdog);
    server.shutdown().await;
    Ok(Exit::Success)
}

/// Waits until this server is the active one, and starts it; none when it was told to end before. Meanwhile it says on
/// its address how it stands.
async fn active(
    config: &Config,
    env: &Env,
    listener: &TcpListener,
    signals: &mut Signals,
    manager: &Manager,
) -> Result<Option<Server>, Error> {
    let (stands, standing) = watch::channel(Standing::Starting);
    let tell = move |how: Standing| {
        stands.send_if_modified(|known| {
            let changed = *known != how;
            if changed {
                tracing::info!(standing = ?how, "waiting to become the active server");
                *known = how;
            }
            changed
        });
        true
    };
    let mut waiting = None;
    if config.store.url.is_some() {
        let failed = |error: io::Error| Error::new(Code::ListenFailed, format!("cannot serve: {error}"));
        let listener = listener.try_clone().map_err(failed)?;
        Store::make_folder(&config.home)?;
        waiting = Some((api::stand_by(config, env, listener, standing)?, Watchdog::waiting(manager, env)));
        // For the service manager, to stand by is to be ready: it may take for ever.
        manager.tell("READY=1\nSTATUS=Waiting to become the active server");
    }
    let start = server::start(config.clone(), env.clone(), Parts { triggers: true }, &tell);
    let mut start = pin!(start);
    let started = loop {
        tokio::select! {
            started = &mut start => break started.map(Some),
            told = signals.next() => match told {
                Told::Reload => {}
                Told::End => break Ok(None),
            },
        }
    };
    if let Some((standby, patience)) = waiting {
        standby.end().await;
        drop(patience);
        manager.tell("STATUS=Active");
    }
    started.map_err(understood)
}

/// Opens the log file anew and takes over what can change while the server runs: the level of the log.
fn reload(log: &Log, flags: &Flags) {
    let reopened = log.reopen();
    let config = Config::load(flags);
    let changed = reopened.and(config).and_then(|config| log.set_level(&config.log.level));
    match changed {
        Ok(()) => tracing::info!("the log was opened anew, and its level read again; the rest needs a restart"),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the old settings stay in force"),
    }
}

fn greet(config: &Config, serving: &Serving, golden: Option<&str>, out: &mut Out) {
    if out.is_json() {
        let pid = std::process::id();
        out.compact(
            &serde_json::json!({ "address": serving.address, "pid": pid, "home": config.home, "golden": golden }),
        );
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
        format!("http://{}/login?token=$(cat '{}')", serving.reachable(), config.home.join("token").display())
    };
    out.line(format!("Steward {} listens on http://{}", env!("CARGO_PKG_VERSION"), serving.address));
    out.line(format!("Data is in {}; mail goes {mail}", config.home.display()));
    if let Some(golden) = golden {
        out.line(format!("After the upgrade, golden runs: {golden}"));
    }
    out.line(format!("In a browser: {link}"));
    out.line("Next: `steward automations import DIR`, `steward automations list`, `steward inbox list`");
}
