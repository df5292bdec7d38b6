//! From the command line to an exit code.

use std::io;
use std::process::ExitCode;

use clap::Parser;

use super::args::{Asked, Cli, Command};
use super::commands::{
    approvals, audit, automations, backup, chat, config, contract, demo, doctor, engines, erase, folders, golden,
    health, inbox, incidents, notifications, providers, repairs, replay, runs, secrets, settings, stop, store, tools,
    trial, usage,
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
    // Neither does the demonstration look at what is the user's.
    if let Command::Demo(command) = cli.command {
        return on_system(demo::run(command, out));
    }
    let config = Config::load(&flags)?;
    on_system(dispatch(cli.command, config, &flags, out))
}

fn on_system(doing: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error: io::Error| Error::new(Code::ServerFailed, error.to_string()))?;
    // Actors live on this thread; everything else may go to the others.
    let mut runtime = Some(runtime);
    let system = actix_rt::System::with_tokio_rt(|| runtime.take().expect("the system asks for its runtime once"));
    system.block_on(doing)
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
        Command::Serve(_) => serve::serve(config, flags, env, out).await,
        Command::Health { ready } => health::health(&config, ready, out).await,
        Command::Doctor => doctor::doctor(&config, &env, out).await,
        Command::Backup(command) => backup::run(&config, command, &env, out).await,
        Command::Restore(command) => backup::restore(&config, command, &env, out).await,
        Command::Store(command) => store::run(&config, command, out).await,
        Command::Config(command) => config::run(command, flags.clone(), out),
        Command::Demo(command) => demo::run(command, out).await,
        Command::Replay { bundle } => replay::replay(&config, &bundle, out).await,
        Command::Bench(mut args) => {
            args.json |= out.is_json();
            let done = crate::bench::run(args).await;
            done.map(|()| Exit::Success).map_err(super::connect::understood)
        }
        Command::Asked(asked) => {
            let link = Link::open(&config, &env).await?;
            let done = ask(&link, asked, &config, &env, out).await;
            link.close().await;
            done
        }
    }
}

async fn ask(link: &Link, asked: Asked, config: &Config, env: &Env, out: &mut Out) -> Result<Exit, Error> {
    let client = &link.client;
    match asked {
        Asked::Chat(command) => chat::run(link, command, config, env, out).await,
        Asked::Erase(command) => erase::run(client, command, out).await,
        Asked::Automations(command) => automations::run(client, command, env, out).await,
        Asked::Runs(command) => runs::run(client, command, out).await,
        Asked::Inbox(command) => inbox::run(client, command, out).await,
        Asked::Approvals(command) => approvals::run(client, command, out).await,
        Asked::Incidents(command) => incidents::run(client, command, out).await,
        Asked::Repairs(command) => repairs::run(client, command, out).await,
        Asked::Notifications(command) => notifications::run(client, command, out).await,
        Asked::Contract(command) => contract::run(client, command, out).await,
        Asked::Trial(command) => trial::run(client, command, out).await,
        Asked::Backtest(command) => trial::backtest(client, command, out).await,
        Asked::Golden(command) => golden::run(client, command, out).await,
        Asked::Folders(command) => folders::run(client, command, out).await,
        Asked::Secrets(command) => secrets::run(client, command, out).await,
        Asked::Settings(command) => settings::run(client, command, out).await,
        Asked::Tools(command) => tools::run(client, command, out).await,
        Asked::Providers(command) => providers::run(client, command, out).await,
        Asked::Usage(command) => usage::run(client, command, out).await,
        Asked::Engines(command) => engines::run(client, command, out).await,
        Asked::Stop => stop::stop(client, out).await,
        Asked::Resume => stop::resume(client, out).await,
        Asked::Audit(command) => audit::run(client, command, out).await,
    }
}
