//! What can be written on the command line.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use connectors::vault::Secret;

use crate::bench;
use crate::config::Override;

const EXIT_CODES: &str = "Exit codes: 0 done · 1 failed · 2 usage · 3 the run waits · 4 the run failed · \
                          5 not found · 6 refused or not confirmed · 7 no server, or locked · 8 overtaken";

/// Automations that you delegate rather than build.
#[derive(Debug, Parser)]
#[command(name = "steward", version, about, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(super) struct Cli {
    /// Print JSON: the same as the API answers.
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// The configuration file, instead of `steward.toml` in the data folder.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set a key of the configuration, over file and environment; may be repeated.
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE", value_parser = set_flag)]
    pub(super) set: Vec<Override>,
    #[command(subcommand)]
    pub(super) command: Command,
}

fn set_flag(text: &str) -> Result<Override, String> {
    if text.contains('=') { Ok(Override::set(text)) } else { Err("write `section.key=value`".to_owned()) }
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the server.
    Serve(Serve),
    #[command(flatten)]
    Asked(Asked),
    /// Take a backup, encrypted, while the server runs; look through backups.
    Backup(Backup),
    /// Bring an installation back from a backup, into an empty data folder.
    Restore(Restore),
    /// The store: move it to another database.
    #[command(subcommand)]
    Store(Stores),
    /// The configuration: look it over, see what is in force.
    #[command(subcommand)]
    Config(Configuration),
    /// Ask the running server whether it works; starts none.
    Health {
        /// Fail unless it can do its work now: one that is ending or stands by cannot.
        #[arg(long)]
        ready: bool,
    },
    /// Look the installation over, and say what to do.
    Doctor,
    /// See in some seconds what Steward is: no key, no network, and nothing of yours is touched.
    Demo(Demo),
    /// Run a bundle again, on what it recorded: no server, no account and no network is needed.
    Replay {
        /// The file that `steward runs bundle` wrote.
        bundle: PathBuf,
    },
    /// Measure what Steward takes on this machine.
    Bench(bench::Args),
}

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Ask you to confirm the card, in place of confirming it itself.
    #[arg(long)]
    pub(super) ask: bool,
    /// Keep its folder.
    #[arg(long)]
    pub(super) keep: bool,
}

/// What a server is asked for: the one that runs, or one that the command starts for itself.
#[derive(Debug, Subcommand)]
pub(super) enum Asked {
    /// Say in chat what you want done.
    Chat(Chat),
    /// Automations: bring in, take out, run, pause, stop.
    #[command(subcommand)]
    Automations(Automations),
    /// Runs: look at them, replay them, watch them.
    #[command(subcommand)]
    Runs(Runs),
    /// What only you can give.
    #[command(subcommand)]
    Inbox(Inbox),
    /// What may happen only with your yes.
    #[command(subcommand)]
    Approvals(Approvals),
    /// Failures that have one cause, with their timeline.
    #[command(subcommand)]
    Incidents(Incidents),
    /// What was repaired, what proved it, and taking it back.
    #[command(subcommand)]
    Repairs(Repairs),
    /// By which ways you are told what waits for you, and what has happened.
    #[command(subcommand)]
    Notifications(Notifications),
    /// Contracts in plain words.
    #[command(subcommand)]
    Contract(Contract),
    /// Try a script out in a simulated world, and show its proof sheet. Nothing is performed.
    Trial(Trial),
    /// Say what the script of an automation would have done in its past runs. Nothing is performed.
    Backtest(Backtest),
    /// Golden runs: recorded cases that every version must lead to the same effects.
    #[command(subcommand)]
    Golden(Golden),
    /// Folders that automations may use.
    #[command(subcommand)]
    Folders(Folders),
    /// Passwords and keys in the vault.
    #[command(subcommand)]
    Secrets(Secrets),
    /// Settings that take effect at once.
    #[command(subcommand)]
    Settings(Settings),
    /// The tools that contracts may grant.
    #[command(subcommand)]
    Tools(Tools),
    /// Providers of models: hosted ones by their keys, and those on this machine.
    #[command(subcommand)]
    Providers(Providers),
    /// What models cost.
    Usage(Usage),
    /// Programs outside that execute the script's part of runs.
    #[command(subcommand)]
    Engines(Engines),
    /// Stop everything at once: no effect starts any more.
    Stop,
    /// Lift the stop of everything.
    Resume,
    /// The record of events.
    #[command(subcommand)]
    Audit(Audit),
    /// Erase content for good; what happened stays known.
    Erase(Erase),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Chat {
    #[command(subcommand)]
    pub(super) command: Option<Chats>,
    /// The chat to go on with; a new one unless said.
    pub(super) thread: Option<String>,
    /// Go on with the newest chat.
    #[arg(long, conflicts_with_all = ["thread", "in_thread"])]
    pub(super) last: bool,
    /// Say this, print what comes until the chat waits for you, and end.
    #[arg(long, value_name = "TEXT")]
    pub(super) say: Option<String>,
    /// The chat to say it in.
    #[arg(long = "thread", value_name = "THREAD", conflicts_with = "thread", requires = "say")]
    pub(super) in_thread: Option<String>,
    /// Confirm the card that comes of it.
    #[arg(long, requires = "say")]
    pub(super) confirm: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Chats {
    /// List the chats, the newest first.
    List,
    /// Show all that was said in one.
    Show {
        /// Its id.
        thread: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Stores {
    /// Move the store of the data folder into an empty PostgreSQL database; unless said, that of `store.url`.
    Migrate {
        /// The address of the database. Others on this machine can see it, with its password.
        #[arg(long, value_name = "URL", conflicts_with = "to_file", value_parser = secret)]
        to: Option<Secret>,
        /// A file with the address of the database.
        #[arg(long, value_name = "FILE")]
        to_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    #[command(subcommand)]
    pub(super) what: Erasable,
    /// Do not ask.
    #[arg(long, global = true)]
    pub(super) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Erasable {
    /// What came in for a run and what it did, with all runs of the same item.
    Run {
        /// Its id.
        run: String,
    },
    /// All runs of an automation that are over, and what it remembers.
    Automation {
        /// Its name or id.
        name: String,
    },
    /// What is known under the key of an effect, and the item that it was done for.
    Key {
        /// The automation.
        name: String,
        /// The tool, such as `email.send`.
        tool: String,
        /// The key as JSON, such as `{"invoice":"7"}`.
        key: String,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Backup {
    #[command(subcommand)]
    pub(super) command: Option<Backups>,
    /// The file; unless said, one with a name of its own in `backup.folder`, or here.
    pub(super) file: Option<PathBuf>,
    /// The folder for a file with a name of its own.
    #[arg(long, value_name = "FOLDER", conflicts_with = "file")]
    pub(super) to: Option<PathBuf>,
    /// Leave out what this earlier backup holds; a restore then needs both.
    #[arg(long, value_name = "BACKUP")]
    pub(super) since: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Backups {
    /// Look through a backup, with all that it is based on, as a restore would.
    Verify {
        /// The files, in any order.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the backups in a folder.
    List {
        /// The folder; `backup.folder` unless said.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// Print the recovery code, which opens the backups of this installation.
    Key,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup, with all that it is based on, in any order.
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// The data folder, instead of `STEWARD_HOME`: empty, or not there.
    #[arg(long, value_name = "FOLDER")]
    pub(super) home: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen, instead of `server.listen`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Automations {
    /// Bring an automation in from a folder with `contract.json` and `script.js`.
    Import(Import),
    /// Write an automation into a folder, without secrets.
    Export {
        /// Its name or id.
        name: String,
        /// The folder; made if it is not there.
        dir: PathBuf,
        /// Write over files that are there.
        #[arg(long)]
        force: bool,
    },
    /// List all automations.
    List,
    /// Show one with its contract, triggers and script.
    Show {
        /// Its name or id.
        name: String,
    },
    /// Start a run.
    Run(Run),
    /// Keep new runs from starting; those under way go on.
    Pause {
        /// Its name or id.
        name: String,
    },
    /// Let it work again.
    Resume {
        /// Its name or id.
        name: String,
    },
    /// Put it in shadow: its runs note what they would do outside, and do nothing.
    Shadow {
        /// Its name or id.
        name: String,
    },
    /// Show what it would have done in shadow.
    Shadowed {
        /// Its name or id.
        name: String,
        /// Only older than this note.
        #[arg(long)]
        before: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: u16,
    },
    /// End its shadow: from now on it does what it does.
    Activate {
        /// Its name or id.
        name: String,
    },
    /// After a restore: say that nothing of it is missing, so that its effects are not asked about any more.
    Trust {
        /// Its name or id.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Stop it at once: no effect starts any more.
    Stop {
        /// Its name or id.
        name: String,
    },
    /// Take it away; its history stays.
    Remove {
        /// Its name or id.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// The folder.
    pub(super) dir: PathBuf,
    /// The name; that of the manifest or of the folder unless said.
    #[arg(long)]
    pub(super) name: Option<String>,
    /// Grant a folder with it, for reading and writing.
    #[arg(long = "folder", value_name = "NAME=PATH")]
    pub(super) folders: Vec<String>,
    /// Put it in shadow: its runs note what they would do outside, and do nothing, until it is activated.
    #[arg(long)]
    pub(super) shadow: bool,
    /// Do not ask: what the card says is wanted.
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Its name or id.
    pub(super) name: String,
    /// What the script gets as its input, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(super) input: Option<String>,
    /// Wait until the run is over or needs you.
    #[arg(long)]
    pub(super) wait: bool,
    /// How long to wait.
    #[arg(long, value_name = "SPAN", default_value = "5m", requires = "wait")]
    pub(super) timeout: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Runs {
    /// List runs, newest first.
    List {
        /// Only of this automation.
        #[arg(long)]
        automation: Option<String>,
        /// Only in this phase: queued, running, waiting, succeeded, failed or stopped.
        #[arg(long)]
        phase: Option<String>,
        /// Only older than this run.
        #[arg(long)]
        before: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 20)]
        limit: u16,
    },
    /// Show one run with its calls and its log.
    Show {
        /// Its id.
        run: String,
    },
    /// Run its journal again, without any effect, and compare each step.
    Replay {
        /// Its id.
        run: String,
    },
    /// Write one file that reproduces a run elsewhere, without secrets and people.
    Bundle {
        /// Its id.
        run: String,
        /// The file; `RUN.bundle.json` unless said.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Follow what happens: of one run, of one automation, or of all.
    Watch {
        /// A run, or the name of an automation.
        which: Option<String>,
    },
    /// End one run where it stands.
    Stop {
        /// Its id.
        run: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Inbox {
    /// List what waits for you, what matters most first.
    List {
        /// Also what is answered or went away.
        #[arg(long)]
        all: bool,
        /// Also what you put off.
        #[arg(long, conflicts_with = "all")]
        snoozed: bool,
    },
    /// Show one need with its evidence.
    Show {
        /// Its id.
        need: String,
    },
    /// Answer a need; or several at once, where none of them wants a look of its own.
    Answer {
        /// All open needs of this kind that are not put off.
        #[arg(long, value_name = "KIND")]
        all_of: Option<String>,
        /// The ids of the needs, and then one of their choices; or the words of an option.
        #[arg(required = true, value_name = "NEED... CHOICE")]
        words: Vec<String>,
    },
    /// Put a need off: it is not listed, and you are not told of it, until then.
    Snooze {
        /// Its id.
        need: String,
        /// For how long, such as `4h` or `2d`; a day unless said.
        #[arg(long = "for", value_name = "SPAN")]
        length: Option<String>,
    },
    /// Take a need up again that you put off.
    Unsnooze {
        /// Its id.
        need: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Notifications {
    /// List by which ways you are told, and what left on them.
    List,
    /// Send a test by each way, and say what came of it.
    Test,
}

#[derive(Debug, Subcommand)]
pub(super) enum Incidents {
    /// List incidents, newest first.
    List,
    /// Show what happened in one.
    Show {
        /// Its id.
        incident: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Repairs {
    /// List repairs, newest first.
    List {
        /// Only of this automation.
        automation: Option<String>,
    },
    /// Show what broke, what changed, what proved it, and what it cost.
    Show {
        /// Its id.
        repair: String,
    },
    /// Take a repair back: the script before it is in force again.
    Undo {
        /// Its id.
        repair: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Approvals {
    /// List what waits for your yes or no.
    List {
        /// Also what is decided, expired or void.
        #[arg(long)]
        all: bool,
    },
    /// Show one with everything that it is about.
    Show {
        /// Its id.
        approval: String,
    },
    /// Say yes or no; what waits for it goes on.
    Decide {
        /// Its id.
        approval: String,
        /// `yes` or `no`.
        answer: Decision,
        /// Why; the script learns it with a no.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Put the question off: it does not expire meanwhile.
    Hold {
        /// Its id.
        approval: String,
        /// For how long, such as `4h` or `2d`; a day unless said.
        #[arg(long = "for", value_name = "SPAN")]
        length: Option<String>,
    },
    /// Take a yes back, as far as it was not used.
    TakeBack {
        /// Its id.
        approval: String,
    },
}

/// A person's answer.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Decision {
    Yes,
    No,
}

impl Decision {
    /// The answer as the API takes it.
    pub(super) const fn as_word(self) -> &'static str {
        match self {
            Self::Yes => "approve",
            Self::No => "refuse",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Contract {
    /// Show the contract of an automation.
    Show {
        /// The automation.
        name: String,
    },
    /// Say a contract in plain words.
    Explain {
        /// A file, or the name of an automation.
        which: String,
    },
    /// Say what a new contract changes, and whether it allows more.
    Diff {
        /// The contract that is: a file, or the name of an automation.
        old: String,
        /// The contract that is to be: a file, or the name of an automation.
        new: String,
    },
    /// Print the JSON Schema of contracts.
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct Trial {
    /// The name of an automation, or a folder with `contract.json`, `script.js` and maybe `recordings.json`.
    pub(super) which: String,
    /// A file with recorded cases.
    #[arg(long, value_name = "FILE")]
    pub(super) recordings: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Golden {
    /// List golden runs.
    List {
        /// Only those of this automation.
        automation: Option<String>,
    },
    /// Keep a run that succeeded as a golden run.
    Keep {
        /// Its id.
        run: String,
    },
    /// Replay golden runs with the scripts in force, and say what differs. Nothing is performed.
    Check {
        /// Only those of this automation.
        automation: Option<String>,
    },
    /// Keep the run of a bundle as a golden run.
    Import {
        /// The file that `steward runs bundle` wrote.
        bundle: PathBuf,
        /// The automation that it is about.
        #[arg(long, value_name = "NAME")]
        automation: String,
    },
    /// Remove a golden run; the run itself stays.
    Remove {
        /// Its id.
        golden: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Backtest {
    /// The automation.
    pub(super) name: String,
    /// How far back, such as `30d`.
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    pub(super) last: String,
    /// Another script than that in force.
    #[arg(long, value_name = "FILE")]
    pub(super) script: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Folders {
    /// Grant a folder under a name.
    Add {
        /// The name that contracts use.
        name: String,
        /// Where it is.
        path: PathBuf,
        /// For reading only.
        #[arg(long)]
        read_only: bool,
    },
    /// List the granted folders.
    List,
    /// Take a grant back.
    Remove {
        /// The name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Secrets {
    /// Put a secret in: asked for, or read from standard input.
    Set {
        /// Its name.
        name: String,
    },
    /// List the names.
    List,
    /// Take a secret out for good.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Settings {
    /// List the settings.
    List,
    /// Set one.
    Set {
        /// Its name, such as `egress.allow_private`.
        name: String,
        /// Its value as JSON, such as `["nas.home:8080"]`.
        value: String,
    },
    /// Remove one.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Tools {
    /// List the tools.
    List,
    /// Show one with its arguments, its errors and an example.
    Show {
        /// Its name, such as `http.get`.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Providers {
    /// Add one. Its key is asked for, or read from standard input or a file.
    Add(AddProvider),
    /// List them with their models and prices, and what is found on this machine.
    List,
    /// Ask a model for one word, to see whether it answers.
    Test {
        /// The provider.
        name: String,
        /// Its profile; the first one unless said.
        #[arg(long)]
        profile: Option<String>,
    },
    /// Take one away, with its key.
    Remove {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddProvider {
    /// A name for it.
    pub(super) name: String,
    /// The address of an OpenAI-compatible endpoint, such as `https://api.openai.com/v1`.
    #[arg(long, value_name = "URL", required_unless_present = "recording", conflicts_with = "recording")]
    pub(super) url: Option<String>,
    /// A file with recorded answers, in place of an endpoint.
    #[arg(long, value_name = "FILE")]
    pub(super) recording: Option<PathBuf>,
    /// The model, as the provider names it.
    #[arg(long, value_name = "NAME", required_unless_present = "recording")]
    pub(super) model: Option<String>,
    /// A name for the model with these settings.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) profile: String,
    /// Dollars for a million tokens that are sent.
    #[arg(long, value_name = "USD")]
    pub(super) price_in: Option<String>,
    /// Dollars for a million tokens that are answered.
    #[arg(long, value_name = "USD")]
    pub(super) price_out: Option<String>,
    /// How freely it answers, from 0 to 2.
    #[arg(long)]
    pub(super) temperature: Option<f64>,
    /// Tokens that a request may have.
    #[arg(long, value_name = "TOKENS")]
    pub(super) tokens_in: Option<u32>,
    /// Tokens that an answer may have.
    #[arg(long, value_name = "TOKENS")]
    pub(super) tokens_out: Option<u32>,
    /// The model wants `max_completion_tokens` in place of `max_tokens`.
    #[arg(long)]
    pub(super) completion_tokens: bool,
    /// How often it may be called in a minute.
    #[arg(long, value_name = "CALLS")]
    pub(super) requests_per_minute: Option<NonZeroU32>,
    /// A file with the key.
    #[arg(long, value_name = "FILE", conflicts_with = "no_key")]
    pub(super) key_file: Option<PathBuf>,
    /// It wants no key; one on this machine is taken to want none.
    #[arg(long)]
    pub(super) no_key: bool,
}

#[derive(Debug, Args)]
pub(super) struct Usage {
    /// By what to add up.
    #[arg(long, value_enum, default_value_t = By::Day)]
    pub(super) by: By,
    /// From this day or time on, such as `2026-11-01`.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<String>,
    /// Before this day or time.
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<String>,
    /// Only for this automation.
    #[arg(long)]
    pub(super) automation: Option<String>,
}

/// By what usage is added up.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum By {
    Day,
    Automation,
    Provider,
    Model,
    Purpose,
    Room,
}

impl By {
    /// The word as the API takes it.
    pub(super) const fn as_word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Automation => "automation",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Purpose => "purpose",
            Self::Room => "room",
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Engines {
    /// List the engines with what waits for them and what they hold.
    List,
    /// Tokens: each lets a program be one engine, and nothing else.
    #[command(subcommand)]
    Token(EngineTokens),
}

#[derive(Debug, Subcommand)]
pub(super) enum EngineTokens {
    /// Make a token for an engine. It is shown once.
    Create {
        /// The name of the engine, as manifests have it.
        name: String,
    },
    /// List the tokens, without themselves.
    List,
    /// End a token at once, and the leases that were taken with it.
    Revoke {
        /// Its id.
        token: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Look through all events for an edit, a swap, a deletion or a cut tail.
    Verify,
}

#[derive(Debug, Subcommand)]
pub(super) enum Configuration {
    /// Look the configuration over, and tell every problem with its place.
    Validate {
        /// Another file than the one in force.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show every key with what is in force and who says so. Secrets are shown as `[set]`.
    Show,
    /// Print a commented example of a configuration file.
    Example,
}
