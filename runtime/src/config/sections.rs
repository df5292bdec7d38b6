//! What the configuration says, read into types that cannot be wrong.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::egress::EgressSettings;
use connectors::email::{Mail, MailConfig, Tls};
use connectors::vault::{MasterKeySource, Secret};
use serde::Deserialize;

use super::data_folder;
use super::layers::{self, Override};
use crate::error::{Code, Error};
use crate::store::Retention;

/// The name of the configuration file in the data folder.
const FILE: &str = "steward.toml";
/// Where the server listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:7777";
/// Where mail goes without a server.
const OUTBOX: &str = "outbox";
/// A passphrase and its file come from the environment alone: a configuration file is not private.
const PASSPHRASE: &str = "STEWARD_PASSPHRASE";
const PASSPHRASE_FILE: &str = "STEWARD_PASSPHRASE_FILE";

/// How the server is configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub home: PathBuf,
    /// Where it listens, and to whom.
    pub server: Server,
    /// How mail leaves.
    pub mail: Mail,
    /// What it logs.
    pub log: Log,
    /// What automations may reach.
    pub egress: EgressSettings,
    /// How long data is kept.
    pub retention: Retention,
    /// What runs may use.
    pub limits: Limits,
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
}

/// Where the server listens, and to whom.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address.
    pub listen: SocketAddr,
    /// Names beside the loopback ones under which the server may be called: `steward.home:8443`.
    pub hosts: Vec<String>,
    /// How many event streams may be open at once.
    pub listeners: NonZeroU16,
}

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged, as `tracing` filters say it.
    pub level: String,
}

/// For whom the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// People.
    #[default]
    Text,
    /// Programs.
    Json,
}

/// What runs may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How many runs may be under way at once.
    pub runs_at_once: NonZeroU16,
    /// How long a script may compute without waiting for anything, in seconds.
    pub turn_seconds: NonZeroU16,
    /// How much memory a script may use, in MiB.
    pub heap_mib: NonZeroU16,
}

/// A screen shows a handful of streams; a household of scripts not many more.
const LISTENERS: NonZeroU16 = NonZeroU16::new(64).expect("not zero");
/// Runs mostly wait for services; more at once would wait for the writer.
const RUNS_AT_ONCE: NonZeroU16 = NonZeroU16::new(32).expect("not zero");
const TURN_SECONDS: NonZeroU16 = NonZeroU16::new(sandbox::limits::TURN_MAX.as_secs() as u16).expect("not zero");
const HEAP_MIB: NonZeroU16 = NonZeroU16::new((sandbox::limits::HEAP_BYTES_MAX >> 20) as u16).expect("not zero");
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Server {
    fn default() -> Self {
        let listen = LISTEN.parse().expect("the default is an address");
        Self { listen, hosts: Vec::new(), listeners: LISTENERS }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: "warn,runtime=info".to_owned() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { runs_at_once: RUNS_AT_ONCE, turn_seconds: TURN_SECONDS, heap_mib: HEAP_MIB }
    }
}

impl Limits {
    /// What the sandbox watches. The configuration may lower its limits, never raise them.
    pub fn of_attempts(&self) -> sandbox::Limits {
        let limits = sandbox::Limits::default();
        sandbox::Limits {
            turn: limits.turn.min(Duration::from_secs(self.turn_seconds.get().into())),
            heap_bytes: limits.heap_bytes.min(u64::from(self.heap_mib.get()) << 20),
            ..limits
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sections {
    server: Server,
    mail: MailSection,
    log: Log,
    egress: EgressSettings,
    retention: RetentionSection,
    limits: Limits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct MailSection {
    host: Option<String>,
    port: Option<NonZeroU16>,
    tls: Tls,
    username: Option<String>,
    password_secret: Option<String>,
    from: Option<String>,
    outbox_folder: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RetentionSection {
    payload_days: Option<NonZeroU32>,
    message_days: Option<NonZeroU32>,
}

impl Config {
    /// Reads the configuration of this process.
    pub fn load(overrides: &[Override]) -> Result<Self, Error> {
        // A variable that is no Unicode is none of ours.
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::read(&variables.collect::<Vec<_>>(), overrides)
    }

    /// Reads the configuration: the file in the data folder, under the environment, under the flags.
    pub fn read(variables: &[(String, String)], overrides: &[Override]) -> Result<Self, Error> {
        let variable = |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let home = data_folder(variable)?;
        let mut table = layers::file(&home.join(FILE))?;
        layers::environment(&mut table, variables.iter().cloned())?;
        layers::flags(&mut table, overrides)?;
        let sections: Sections = toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| {
            Error::new(
                Code::ConfigValue,
                format!("the configuration does not make sense: {}", error.to_string().trim()),
            )
        })?;
        Ok(Self {
            mail: sections.mail.read(&home)?,
            master_key: master_key(&home, variable),
            home,
            server: sections.server,
            log: sections.log,
            egress: sections.egress,
            retention: sections.retention.read(),
            limits: sections.limits,
        })
    }

    /// A configuration with defaults alone, for a data folder.
    pub fn in_folder(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            server: Server::default(),
            mail: Mail::Outbox(home.join(OUTBOX)),
            log: Log::default(),
            egress: EgressSettings::default(),
            retention: Retention::default(),
            limits: Limits::default(),
            master_key: MasterKeySource::automatic(home),
        }
    }

    /// The configuration file, whether or not it is there.
    pub fn file(&self) -> PathBuf {
        self.home.join(FILE)
    }
}

impl MailSection {
    fn read(self, home: &Path) -> Result<Mail, Error> {
        let invalid = |message: &str| Error::new(Code::ConfigValue, message);
        let Some(host) = self.host.filter(|host| !host.is_empty()) else {
            if self.username.is_some() || self.from.is_some() || self.port.is_some() {
                return Err(invalid("`mail` names no `host`; set `mail.host`, or leave the section out"));
            }
            let folder = self.outbox_folder.unwrap_or_else(|| PathBuf::from(OUTBOX));
            return Ok(Mail::Outbox(home.join(folder)));
        };
        if self.username.is_some() != self.password_secret.is_some() {
            return Err(invalid("a mail account needs both `mail.username` and `mail.password_secret`"));
        }
        let default_port = match self.tls {
            Tls::None => 25,
            Tls::Starttls => 587,
            Tls::Tls => 465,
        };
        let from = self.from.ok_or_else(|| invalid("`mail.from` is missing: who shall the mail be from?"))?;
        Ok(Mail::Smtp(MailConfig {
            host,
            port: self.port.map_or(default_port, NonZeroU16::get),
            tls: self.tls,
            username: self.username,
            password_secret: self.password_secret,
            from,
        }))
    }
}

impl RetentionSection {
    fn read(self) -> Retention {
        let default = Retention::default();
        let days = |days: Option<NonZeroU32>, otherwise| days.map_or(otherwise, |days| DAY * days.get());
        Retention {
            payloads: days(self.payload_days, default.payloads),
            messages: days(self.message_days, default.messages),
            ..default
        }
    }
}

fn master_key(home: &Path, variable: impl Fn(&str) -> Option<String>) -> MasterKeySource {
    match (variable(PASSPHRASE_FILE), variable(PASSPHRASE)) {
        (Some(file), _) => MasterKeySource::PassphraseFile(PathBuf::from(file)),
        (None, Some(passphrase)) => MasterKeySource::Passphrase(Secret::new(passphrase)),
        (None, None) => MasterKeySource::automatic(home),
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}
