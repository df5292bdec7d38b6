//! From the command line to an exit code.

use std::io;
use std::process::ExitCode;

use clap::Parser;

use super::args::{Cli, Command};
use super::commands::{
    approvals, audit, automations, backup, config, contract, doctor, engines, erase, folders, health, inbox, runs,
    secrets, settings, stop, store, tools,
};
use super::connect::Link;
use super::exit::Exit;
use super::out::{Out, tell_error};
use super::serve;
use crate::config::{Config, Flags, Override};
use crate::env::Env;
use crate::error::{Code, Error};

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads is no error.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let mut out = Out::new(cli.json);
    let exit = carry_out(cli, &mut out).unwrap_or_else(|error| {
        tell_error(&mut out, &error);
        Exit::of(&error)
    });
    exit.into()
}

fn carry_out(cli: Cli, out: &mut Out) -> Result<Exit, Error> {
    let flags = flags(&cli);
    // What looks at the configuration must work with one that makes no sense.
    if let Command::Config(command) = cli.command {
        return config::run(command, flags, out);
    }
    let config = Config::load(&flags)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error: io::Error| Error::new(Code::ServerFailed, error.to_string()))?;
    // Actors live on this thread; everything else may go to the others.
    let mut runtime = Some(runtime);
    let system = actix_rt::System::with_tokio_rt(|| runtime.take().expect("the system asks for its runtime once"));
    system.block_on(dispatch(cli.command, config, &flags, out))
}

fn flags(cli: &Cli) -> Flags {
    let mut overrides = cli.set.clone();
    if let Command::Serve(serve) = &cli.command {
        overrides.extend(serve.listen.iter().map(|value| Override::named("listen", "server.listen", value)));
    }
    Flags { file: cli.config.clone(), overrides }
}

async fn dispatch(command: Command, config: Config, flags: &Flags, out: &mut Out) -> Result<Exit, Error> {
    let env = Env::real();
    match command {
        Command::Serve(_) => return serve::serve(config, flags, env, out).await,
        Command::Health { ready } => return health::health(&config, ready, out).await,
        Command::Doctor => return doctor::doctor(&config, &env, out).await,
        Command::Backup(command) => return backup::run(&config, command, &env, out).await,
        Command::Restore(command) => return backup::restore(&config, command, &env, out).await,
        Command::Store(command) => return store::run(&config, command, out).await,
        Command::Bench(mut args) => {
            args.json |= out.is_json();
            let done = crate::bench::run(args).await;
            return done.map(|()| Exit::Success).map_err(super::connect::understood);
        }
        Command::Automations(_)
        | Command::Erase(_)
        | Command::Runs(_)
        | Command::Inbox(_)
        | Command::Approvals(_)
        | Command::Contract(_)
        | Command::Folders(_)
        | Command::Secrets(_)
        | Command::Settings(_)
        | Command::Tools(_)
        | Command::Engines(_)
        | Command::Stop
        | Command::Resume
        | Command::Audit(_)
        | Command::Config(_) => {}
    }
    let link = Link::open(&config, &env).await?;
    let done = ask(&link, command, &env, out).await;
    link.close().await;
    done
}

async fn ask(link: &Link, command: Command, env: &Env, out: &mut Out) -> Result<Exit, Error> {
    let client = &link.client;
    match command {
        Command::Erase(command) => erase::run(client, command, out).await,
        Command::Automations(command) => automations::run(client, command, env, out).await,
        Command::Runs(command) => runs::run(client, command, out).await,
        Command::Inbox(command) => inbox::run(client, command, out).await,
        Command::Approvals(command) => approvals::run(client, command, out).await,
        Command::Contract(command) => contract::run(client, command, out).await,
        Command::Folders(command) => folders::run(client, command, out).await,
        Command::Secrets(command) => secrets::run(client, command, out).await,
        Command::Settings(command) => settings::run(client, command, out).await,
        Command::Tools(command) => tools::run(client, command, out).await,
        Command::Engines(command) => engines::run(client, command, out).await,
        Command::Stop => stop::stop(client, out).await,
        Command::Resume => stop::resume(client, out).await,
        Command::Audit(command) => audit::run(client, command, out).await,
        Command::Serve(_)
        | Command::Doctor
        | Command::Bench(_)
        | Command::Health { .. }
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Store(_)
        | Command::Config(_) => Ok(Exit::Success),
    }
}
