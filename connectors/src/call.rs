//! A call on its way to a tool, with everything that the tool may rely on and nothing more.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use intents::Timestamp;
use intents::amount::Amount;
use intents::approval::Content;
use intents::canonical::{self, Digest};
use intents::contract::ConnectionName;
use intents::effect::Key;
use intents::id::{AutomationId, RunId};
use intents::tool::Identity;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::egress::HostPort;
use crate::vault::Secret;
use crate::{Code, Error};

/// A call that the gate has let through.
#[derive(Debug, Clone)]
pub struct Call {
    /// The run that calls.
    pub run: RunId,
    /// The automation that the run belongs to.
    pub automation: AutomationId,
    /// The number of the call in its run.
    pub call: u32,
    /// The arguments.
    pub arguments: Arguments,
    /// The key under which an effect happens once; every effect has one, a read has none.
    pub effect_key: Option<EffectKey>,
    /// What the contract says about how the service identifies effects.
    pub declared: Option<DeclaredIdentity>,
    /// The content of the files that the arguments name, where a person was asked about it.
    pub approved: Option<Arc<[Content]>>,
    /// When the effect was first started; the same as `now` unless it is being settled.
    pub started_at: Timestamp,
    /// The time.
    pub now: Timestamp,
    /// What the user granted to the automation.
    pub grants: Arc<Grants>,
    /// How long the call may take.
    pub deadline: Duration,
    /// The call's place in a trace, as `traceparent` carries it. It is no part of the arguments.
    pub trace_parent: Option<String>,
}

impl Call {
    /// The identity under which this effect is known outside.
    pub fn identity(&self) -> Result<Digest, Error> {
        let missing = || Error::new(Code::ConnectorInternal, "an effect arrived without the key that it happens under");
        self.effect_key.as_ref().map(|effect_key| effect_key.identity).ok_or_else(missing)
    }

    /// How long ago the effect was started.
    pub fn age(&self) -> Duration {
        self.now.since(self.started_at)
    }

    /// The arguments in the shape that a tool wants.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        // The message of the source may quote the script's data, so it is not kept.
        serde_json::from_str(self.arguments.canonical()).map_err(|_| {
            Error::new(Code::ArgumentsInvalid, "the arguments do not have the shape that the tool's schema asks for")
        })
    }
}

/// The arguments of a call: the exact bytes that were gated and journaled, and the same read as a value.
///
/// A tool sends nothing that does not derive from these bytes.
#[derive(Clone, PartialEq)]
pub struct Arguments(Arc<Both>);

#[derive(PartialEq)]
struct Both {
    canonical: String,
    value: Value,
}

impl Arguments {
    /// Reads canonical bytes. Others are refused: a member that is there twice would be gated as one and sent as two.
    pub fn parse(canonical: String) -> Result<Self, Error> {
        let refused = |what| Error::new(Code::ConnectorInternal, what);
        let value = serde_json::from_str(&canonical).map_err(|_| refused("the canonical arguments are not JSON"))?;
        if canonical::to_string(&value) != canonical {
            return Err(refused("the arguments are not in their canonical form"));
        }
        Ok(Self(Arc::new(Both { canonical, value })))
    }

    /// Makes the canonical bytes of a value.
    pub fn of(value: Value) -> Self {
        Self(Arc::new(Both { canonical: canonical::to_string(&value), value }))
    }

    /// The exact bytes.
    pub fn canonical(&self) -> &str {
        &self.0.canonical
    }

    /// The same as a value.
    pub fn value(&self) -> &Value {
        &self.0.value
    }
}

/// Says how much there is, and nothing of what it is.
impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arguments({} bytes)", self.0.canonical.len())
    }
}

/// The key of an effect with its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectKey {
    /// Unique over runs, attempts and versions.
    pub identity: Digest,
    /// The named parts.
    pub key: Key,
}

/// How a service identifies effects, as the contract declares it where a tool cannot know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredIdentity {
    /// The service honours an idempotency key in a header.
    Keyed {
        /// The header, `Idempotency-Key` as a rule.
        header: String,
        /// For how long the service remembers a key, in milliseconds.
        window_ms: u64,
    },
    /// The service can be asked under an address that holds the key.
    Queryable {
        /// The address, with `{key}` where the identity goes as 64 hexadecimal characters.
        url: String,
        /// Only after this many milliseconds does absence prove that nothing was done.
        absent_after_ms: u64,
        /// For how long the service can be asked, in milliseconds.
        window_ms: u64,
    },
}

impl DeclaredIdentity {
    /// The same in the words of the ledger.
    pub fn identity(&self) -> Identity {
        match self {
            Self::Keyed { window_ms, .. } => Identity::Keyed { window_ms: *window_ms },
            Self::Queryable { absent_after_ms, window_ms, .. } => {
                Identity::Queryable { absent_after_ms: *absent_after_ms, window_ms: *window_ms }
            }
        }
    }
}

/// Says whether a read may be redirected to an address.
pub type UrlCheck = Arc<dyn Fn(&Url) -> bool + Send + Sync>;

/// What the user granted to an automation, as far as tools must know it.
pub struct Grants {
    /// Folders, by name.
    pub folders: Vec<Folder>,
    /// Hosts that may be called although their addresses are private.
    pub private_hosts: Vec<HostPort>,
    /// Whether the gate lets a read go on to the address of a redirect.
    pub allows_url: UrlCheck,
    /// The connection that the capability names.
    pub connection: Option<Connection>,
    /// What models may cost for the automation in any 30 days, in US dollars.
    pub model_budget: Option<Amount>,
}

impl Grants {
    /// Grants nothing.
    pub fn none() -> Self {
        Self {
            folders: Vec::new(),
            private_hosts: Vec::new(),
            allows_url: Arc::new(|_| false),
            connection: None,
            model_budget: None,
        }
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("folders", &self.folders)
            .field("private_hosts", &self.private_hosts)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// A folder that an automation may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The name by which scripts know it.
    pub name: String,
    /// Where it is. No script, outcome or error ever holds this.
    pub path: PathBuf,
    /// What may be done in it.
    pub trust: Trust,
}

/// What may be done in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Everything.
    Trusted,
    /// Reading only.
    ReadOnly,
}

/// An account of a service. Its credential is in the vault, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name.
    pub name: ConnectionName,
    /// The one origin that its credential goes to: `https://books.example`.
    pub origin: String,
}

/// What a connection adds to requests that go to its own hosts, and to no others.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The origins that it belongs to: `https://books.example`.
    pub origins: Vec<String>,
    /// The header that carries it.
    pub header: String,
    /// Its value.
    pub value: Secret,
}
