//! Every key that the configuration has, defined once: the example file, the page of operations, `config show`, the
//! environment and the flags all come from here.

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Whole,
    /// A number between 0 and 1.
    Fraction,
    /// `true` or `false`.
    Switch,
    /// Several texts; in the environment separated by commas.
    List,
}

/// What a key has when nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// This value, as TOML.
    Default(&'static str),
    /// Nothing; this is what a value looks like.
    Nothing(&'static str),
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its section and its name: `server.listen`.
    pub path: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether the value must not be seen. Such a key has a second form, `…_file`, that names a file with the value.
    pub secret: bool,
    /// What it has when nobody says anything.
    pub unsaid: Unsaid,
    /// What it is for, in one line.
    pub meaning: &'static str,
}

const fn key(path: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, secret: false, unsaid: Unsaid::Default(default), meaning }
}

const fn unset(path: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, secret: false, unsaid: Unsaid::Nothing(example), meaning }
}

const fn secret(path: &'static str, kind: Kind, example: &'static str, meaning: &'static str) -> Key {
    Key { path, kind, secret: true, unsaid: Unsaid::Nothing(example), meaning }
}

/// Every key, in the order in which people read them.
pub const KEYS: &[Key] = &[
    key("server.listen", Kind::Text, "\"127.0.0.1:7777\"", "where the server listens"),
    key("server.hosts", Kind::List, "[]", "names beside the loopback ones under which the server may be called"),
    key("server.listeners", Kind::Whole, "64", "how many event streams may be open at once"),
    secret(
        "store.url",
        Kind::Text,
        "\"postgres://steward:password@db.home/steward\"",
        "the PostgreSQL database; without one, everything is in a SQLite file in the data folder",
    ),
    key(
        "store.lease_seconds",
        Kind::Whole,
        "10",
        "on PostgreSQL, how long the active server may be silent before one that stands by takes over; at least 2",
    ),
    unset(
        "mail.host",
        Kind::Text,
        "\"smtp.example.com\"",
        "the mail server; without one, mail goes to the outbox folder",
    ),
    unset("mail.port", Kind::Whole, "465", "its port; 465 for `tls`, 587 for `starttls` unless said"),
    key("mail.tls", Kind::Text, "\"tls\"", "`tls`, `starttls`, or `none` for a server on this machine"),
    unset("mail.username", Kind::Text, "\"steward@example.com\"", "the account, if the server wants one"),
    unset("mail.password_secret", Kind::Text, "\"mail\"", "the name of the account's password in the vault"),
    secret("mail.password", Kind::Text, "\"password\"", "the account's password itself, where it is not in the vault"),
    unset("mail.from", Kind::Text, "\"Steward <steward@example.com>\"", "the sender"),
    key("mail.outbox_folder", Kind::Text, "\"outbox\"", "where mail goes without a server, as .eml files"),
    key("log.format", Kind::Text, "\"auto\"", "`text`, `json`, or `auto`: text on a terminal, JSON elsewhere"),
    key("log.level", Kind::Text, "\"warn,runtime=info\"", "what is logged: `warn`, or by module `warn,runtime=debug`"),
    unset("log.file", Kind::Text, "\"log/steward.log\"", "a file for the log, instead of the error stream"),
    key("log.file_mib", Kind::Whole, "64", "a log file of this size is put aside and a new one begun"),
    key("log.file_hours", Kind::Whole, "24", "so is one of this age"),
    key("log.files_kept", Kind::Whole, "14", "how many log files that were put aside are kept"),
    secret("metrics.token", Kind::Text, "\"token\"", "a token that opens `/metrics` and nothing else"),
    key("metrics.by_automation", Kind::Switch, "false", "whether runs are counted for each automation too"),
    unset(
        "telemetry.otlp.endpoint",
        Kind::Text,
        "\"http://127.0.0.1:4318\"",
        "where traces go, over OTLP/HTTP; without one, nothing is traced",
    ),
    secret(
        "telemetry.otlp.headers",
        Kind::List,
        "[\"authorization=Bearer token\"]",
        "headers that the receiver of traces wants, as `name=value`",
    ),
    key("telemetry.otlp.sample_ratio", Kind::Fraction, "1.0", "which part of all runs is traced"),
    key("telemetry.otlp.timeout_seconds", Kind::Whole, "10", "how long the receiver of traces may take to answer"),
    key(
        "telemetry.propagate_to",
        Kind::List,
        "[\"*\"]",
        "hosts that are sent the trace context (`traceparent`) with calls that are traced; `*` is every host",
    ),
    key("egress.allow_private", Kind::List, "[]", "private hosts and networks that automations may call"),
    key("egress.requests_per_second", Kind::Whole, "20", "requests to one host in a second, on average"),
    key("egress.burst", Kind::Whole, "100", "requests to one host that may come at once"),
    key("retention.payload_days", Kind::Whole, "90", "how long journals and inputs of runs that are over are kept"),
    key("retention.message_days", Kind::Whole, "90", "how long notices and emitted events are kept"),
    key(
        "retention.event_days",
        Kind::Whole,
        "90",
        "how long the record is in the database before it goes into the archive",
    ),
    key("retention.run_days", Kind::Whole, "400", "how long it is known that a run was, and that an item came"),
    unset(
        "retention.store_mib",
        Kind::Whole,
        "2048",
        "how large the database may be before journals and inputs go sooner",
    ),
    unset(
        "backup.folder",
        Kind::Text,
        "\"/mnt/backups/steward\"",
        "where backups are kept that are taken by themselves; without one, none are",
    ),
    key("backup.every", Kind::Text, "\"1d\"", "how long after a backup the next one is taken"),
    key("backup.keep", Kind::Whole, "14", "how many of them are kept"),
    key("limits.runs_at_once", Kind::Whole, "32", "how many runs may be under way at once"),
    key(
        "limits.turn_seconds",
        Kind::Whole,
        "5",
        "how long a script may compute without waiting; it can be lowered only",
    ),
    key("limits.heap_mib", Kind::Whole, "64", "how much memory a script may use; it can be lowered only"),
    key(
        "limits.golden_seconds",
        Kind::Whole,
        "30",
        "how long a start after an upgrade checks golden runs; what is left is held back until it is checked",
    ),
];

/// The ending of the second form of a secret key.
const FILE_ENDING: &str = "_file";
/// Variables of this form are keys.
const PREFIX: &str = "STEWARD_";
/// What separates section and name in a variable.
pub(super) const SEPARATOR: &str = "__";

impl Key {
    /// The section: `server`.
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The name in the section: `listen`.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The key in the environment: `STEWARD_SERVER__LISTEN`.
    pub fn variable(&self) -> String {
        variable_of(self.path)
    }
}

fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', SEPARATOR).to_uppercase())
}

/// What a name in the configuration stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The value of a key.
    Value(&'static Key),
    /// The file that holds the value of a key.
    File(&'static Key),
}

/// Every name that may be said, with what it stands for.
fn forms() -> impl Iterator<Item = (String, Form)> {
    KEYS.iter().flat_map(|key| {
        let file = key.secret.then(|| (format!("{}{FILE_ENDING}", key.path), Form::File(key)));
        std::iter::once((key.path.to_owned(), Form::Value(key))).chain(file)
    })
}

/// Finds what a path stands for, or says which one is nearest.
pub(super) fn find(path: &str) -> Result<Form, Option<String>> {
    let found = forms().find(|(known, _)| known == path);
    found.map(|(_, form)| form).ok_or_else(|| nearest(path, forms().map(|(known, _)| known)))
}

/// Finds what a variable stands for, or says which one is nearest.
pub(super) fn find_variable(variable: &str) -> Result<Form, Option<String>> {
    let found = forms().find(|(path, _)| variable_of(path) == variable);
    found.map(|(_, form)| form).ok_or_else(|| nearest(variable, forms().map(|(path, _)| variable_of(&path))))
}

/// The variable that is meant by one in which a separator lost an underscore: `STEWARD_SERVER_LISTEN`.
pub(super) fn meant_by(variable: &str) -> Option<String> {
    let squeezed = |text: &str| text.replace(SEPARATOR, "_");
    forms().map(|(path, _)| variable_of(&path)).find(|known| squeezed(known) == squeezed(variable))
}

/// Whether a path leads to keys: `telemetry.otlp`.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// Names this unlike each other are not confused.
const LIKENESS_MIN: f64 = 0.8;

/// The known name that is nearest to a text, if one is near.
pub(crate) fn nearest(text: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(text, &candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}
