//! What the configuration says, as types that cannot be wrong.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::egress::EgressSettings;
use connectors::email::{Mail, Tls};
use connectors::vault::{MasterKeySource, Secret};
use intents::time::Span;
use serde::Deserialize;

use super::OUTBOX;
use crate::backup::Plan;
use crate::store::{Postgres, Retention};

/// Where the server listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:7777";

/// How the server is configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder.
    pub home: PathBuf,
    /// The configuration file, whether or not it is there.
    pub file: PathBuf,
    /// Where it listens, and to whom.
    pub server: Server,
    /// Where its store is.
    pub store: StorePlace,
    /// How mail leaves.
    pub mail: Mail,
    /// What it logs.
    pub log: Log,
    /// What it tells of itself in figures.
    pub metrics: Metrics,
    /// What it tells of itself in traces.
    pub telemetry: Telemetry,
    /// What automations may reach.
    pub egress: EgressSettings,
    /// How long data is kept.
    pub retention: Retention,
    /// When backups are taken by themselves, and where they are kept.
    pub backup: Option<Plan>,
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

/// Where the store is.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorePlace {
    /// The address of a PostgreSQL database; without one, the store is a SQLite file in the data folder.
    pub url: Option<Secret>,
    /// On PostgreSQL, how long the active server may be silent before another one takes over.
    pub lease_seconds: NonZeroU16,
}

/// Some missed signs of life are no reason to take over; a minute of nothing done is one.
const LEASE_SECONDS: NonZeroU16 = NonZeroU16::new(10).expect("not zero");

impl Default for StorePlace {
    fn default() -> Self {
        Self { url: None, lease_seconds: LEASE_SECONDS }
    }
}

impl StorePlace {
    /// The database of several servers, if there is one.
    pub fn postgres(&self) -> Option<Postgres> {
        let url = self.url.as_ref()?.expose().to_owned();
        Some(Postgres { url, lease: Duration::from_secs(self.lease_seconds.get().into()) })
    }
}

/// What is logged, how, and where to.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// What is logged, as `tracing` filters say it.
    pub level: String,
    /// The file; without one, the error stream.
    pub file: Option<PathBuf>,
    /// A file of this size is put aside.
    pub file_mib: NonZeroU32,
    /// So is one of this age.
    pub file_hours: NonZeroU32,
    /// Files put aside beyond this number are removed, the oldest first.
    pub files_kept: u16,
}

/// For whom the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people on a terminal, for programs elsewhere.
    #[default]
    Auto,
    /// People.
    Text,
    /// Programs.
    Json,
}

/// What the server tells of itself in figures.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// A token that opens `/metrics` and nothing else.
    pub token: Option<Secret>,
    /// Whether runs are counted for each automation too.
    pub by_automation: bool,
}

/// What the server tells of itself in traces.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Where traces go.
    pub otlp: Otlp,
    /// Hosts that are sent the trace context with calls; `*` is every host.
    pub propagate_to: Vec<String>,
}

/// Where traces go.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// The receiver, without `/v1/traces`; without one, nothing is traced.
    pub endpoint: Option<url::Url>,
    /// Headers that it wants, as `name=value`.
    pub headers: Vec<Secret>,
    /// Which part of all runs is traced, from 0 to 1.
    pub sample_ratio: f64,
    /// How long it may take to answer.
    pub timeout_seconds: NonZeroU16,
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
    /// How long a start after an upgrade waits for its golden runs to be checked, in seconds.
    pub golden_seconds: u16,
}

/// A screen shows a handful of streams; a household of scripts not many more.
const LISTENERS: NonZeroU16 = NonZeroU16::new(64).expect("not zero");
/// Runs mostly wait for services; more at once would wait for the writer.
const RUNS_AT_ONCE: NonZeroU16 = NonZeroU16::new(32).expect("not zero");
/// Whoever upgrades waits for half a minute, and not for more.
const GOLDEN_SECONDS: u16 = 30;
const TURN_SECONDS: NonZeroU16 = NonZeroU16::new(sandbox::limits::TURN_MAX.as_secs() as u16).expect("not zero");
const HEAP_MIB: NonZeroU16 = NonZeroU16::new((sandbox::limits::HEAP_BYTES_MAX >> 20) as u16).expect("not zero");
/// A day of a busy server, and what an editor still opens.
const LOG_FILE_MIB: NonZeroU32 = NonZeroU32::new(64).expect("not zero");
const LOG_FILE_HOURS: NonZeroU32 = NonZeroU32::new(24).expect("not zero");
/// Two weeks of days.
const LOG_FILES_KEPT: u16 = 14;
/// A receiver that takes longer than this holds up the traces behind it.
const OTLP_TIMEOUT_SECONDS: NonZeroU16 = NonZeroU16::new(10).expect("not zero");
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for Server {
    fn default() -> Self {
        let listen = LISTEN.parse().expect("the default is an address");
        Self { listen, hosts: Vec::new(), listeners: LISTENERS }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            level: "warn,runtime=info".to_owned(),
            file: None,
            file_mib: LOG_FILE_MIB,
            file_hours: LOG_FILE_HOURS,
            files_kept: LOG_FILES_KEPT,
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { otlp: Otlp::default(), propagate_to: vec!["*".to_owned()] }
    }
}

impl Default for Otlp {
    fn default() -> Self {
        Self { endpoint: None, headers: Vec::new(), sample_ratio: 1.0, timeout_seconds: OTLP_TIMEOUT_SECONDS }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runs_at_once: RUNS_AT_ONCE,
            turn_seconds: TURN_SECONDS,
            heap_mib: HEAP_MIB,
            golden_seconds: GOLDEN_SECONDS,
        }
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
pub(super) struct Sections {
    pub(super) server: Server,
    pub(super) store: StorePlace,
    pub(super) mail: MailSection,
    pub(super) log: Log,
    pub(super) metrics: Metrics,
    pub(super) telemetry: Telemetry,
    pub(super) egress: EgressSettings,
    pub(super) retention: RetentionSection,
    pub(super) backup: BackupSection,
    pub(super) limits: Limits,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MailSection {
    pub(super) host: Option<String>,
    pub(super) port: Option<NonZeroU16>,
    pub(super) tls: Tls,
    pub(super) username: Option<String>,
    pub(super) password_secret: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) from: Option<String>,
    pub(super) outbox_folder: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RetentionSection {
    payload_days: Option<NonZeroU32>,
    message_days: Option<NonZeroU32>,
    event_days: Option<NonZeroU32>,
    run_days: Option<NonZeroU32>,
    store_mib: Option<NonZeroU32>,
}

/// Backups of a fortnight, where one is taken each day.
const BACKUPS_KEPT: NonZeroU16 = NonZeroU16::new(14).expect("not zero");

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BackupSection {
    folder: Option<PathBuf>,
    every: Span,
    keep: NonZeroU16,
}

impl Default for BackupSection {
    fn default() -> Self {
        Self { folder: None, every: "1d".parse().expect("the default is a span"), keep: BACKUPS_KEPT }
    }
}

impl BackupSection {
    /// A relative folder is one in the data folder.
    pub(super) fn read(self, home: &Path) -> Option<Plan> {
        let folder = home.join(self.folder?);
        Some(Plan { folder, every: self.every.duration(), keep: usize::from(self.keep.get()) })
    }
}

impl RetentionSection {
    pub(super) fn read(self) -> Retention {
        let default = Retention::default();
        let days = |days: Option<NonZeroU32>, otherwise| days.map_or(otherwise, |days| DAY * days.get());
        Retention {
            payloads: days(self.payload_days, default.payloads),
            messages: days(self.message_days, default.messages),
            events: days(self.event_days, default.events),
            runs: days(self.run_days, default.runs),
            bytes_max: self.store_mib.map(|mib| u64::from(mib.get()) << 20),
            ..default
        }
    }
}

impl Config {
    /// A configuration with defaults alone, for a data folder.
    pub fn in_folder(home: &Path) -> Self {
        Self {
            home: home.to_owned(),
            file: super::home::config_file(home, None, None).0,
            server: Server::default(),
            store: StorePlace::default(),
            mail: Mail::Outbox(home.join(OUTBOX)),
            log: Log::default(),
            metrics: Metrics::default(),
            telemetry: Telemetry::default(),
            egress: EgressSettings::default(),
            retention: Retention::default(),
            backup: None,
            limits: Limits::default(),
            master_key: MasterKeySource::automatic(home),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}
