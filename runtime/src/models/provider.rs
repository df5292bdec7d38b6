//! Who provides models, and which.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use connectors::egress::{HostPort, is_public};
use connectors::vault::Secret;
use intents::Timestamp;
use intents::id::ProviderId;
use intents::model::{PRICE_MAX, Prices};
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use utoipa::ToSchema;

use super::chain::is_name;
use super::error::{Code, Error};
use crate::store::{self, StoredProvider};

/// A model that has not begun to answer by then is not going to: a large one on this machine may have to be loaded first.
const FIRST_TOKEN: Duration = Duration::from_secs(120);
/// Between two pieces of an answer, a model that still works says something.
const BETWEEN_TOKENS: Duration = Duration::from_secs(60);
/// The longest answer of a slow model on this machine.
const WHOLE: Duration = Duration::from_secs(600);
/// No timeout of a profile is longer.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// Profiles of one provider.
const PROFILES_MAX: usize = 32;
/// The name of a model, or an address.
const TEXT_BYTES_MAX: usize = 500;
/// Tokens of an answer: more than any model gives.
const TOKENS_OUT_MAX: u32 = 1_000_000;
/// Tokens of a request: more than any model takes.
const TOKENS_IN_MAX: u32 = 10_000_000;
/// Higher ones are noise.
const TEMPERATURE_MAX: f64 = 2.0;

fn yes() -> bool {
    true
}

fn default_profile() -> String {
    "default".to_owned()
}

/// Tokens that a request may have when nobody says it: what most models take today.
fn tokens_in() -> u32 {
    128_000
}

/// Tokens that an answer may have when nobody says it.
fn tokens_out() -> u32 {
    8_192
}

/// By which name the endpoint is told how long the answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokensOutAs {
    /// What nearly all endpoints know.
    #[default]
    MaxTokens,
    /// What newer models of OpenAI want.
    MaxCompletionTokens,
}

impl TokensOutAs {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// A model of a provider, and how it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name within the provider; `default` unless said.
    #[serde(default = "default_profile")]
    pub name: String,
    /// The model, as the provider names it.
    pub model: String,
    /// How freely it answers, from 0 to 2; the provider's own choice unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Tokens that a request may have.
    #[serde(default = "tokens_in")]
    pub tokens_in_max: u32,
    /// Tokens that an answer may have.
    #[serde(default = "tokens_out")]
    pub tokens_out_max: u32,
    /// Micro-dollars for a million tokens that are sent.
    pub price_in: i64,
    /// Micro-dollars for a million tokens that are answered.
    pub price_out: i64,
    /// Whether answers come piece by piece.
    #[serde(default = "yes")]
    pub stream: bool,
    /// Whether the endpoint takes a JSON Schema for the answer.
    #[serde(default = "yes")]
    pub structured: bool,
    /// By which name the endpoint is told how long the answer may be.
    #[serde(default)]
    pub tokens_out_as: TokensOutAs,
    /// How long it may take to begin to answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// How long it may be silent between two pieces of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between_tokens_ms: Option<u64>,
    /// How long a call may take, tries and waits included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_ms: Option<u64>,
}

impl Profile {
    /// A model with everything else as it is when nobody says anything.
    pub fn new(model: impl Into<String>, prices: Prices) -> Self {
        Self {
            name: default_profile(),
            model: model.into(),
            temperature: None,
            tokens_in_max: tokens_in(),
            tokens_out_max: tokens_out(),
            price_in: prices.input,
            price_out: prices.output,
            stream: true,
            structured: true,
            tokens_out_as: TokensOutAs::default(),
            first_token_ms: None,
            between_tokens_ms: None,
            whole_ms: None,
        }
    }

    /// What it costs.
    pub fn prices(&self) -> Prices {
        Prices { input: self.price_in, output: self.price_out }
    }

    pub(super) fn first_token(&self) -> Duration {
        self.first_token_ms.map_or(FIRST_TOKEN, Duration::from_millis)
    }

    pub(super) fn between_tokens(&self) -> Duration {
        self.between_tokens_ms.map_or(BETWEEN_TOKENS, Duration::from_millis)
    }

    pub(super) fn whole(&self) -> Duration {
        self.whole_ms.map_or(WHOLE, Duration::from_millis)
    }

    fn check(&self) -> Result<(), Error> {
        if !is_name(&self.name) {
            return Err(bad_name(&self.name));
        }
        let name = &self.name;
        let sound =
            !self.model.is_empty() && self.model.len() <= TEXT_BYTES_MAX && !self.model.contains(char::is_control);
        if !sound {
            return Err(unfit(format!("the profile `{name}` names no model")));
        }
        if !self.prices().are_sound() {
            let most = PRICE_MAX / 1_000_000;
            return Err(unfit(format!("the prices of `{name}` are from 0 to {most} dollars for a million tokens")));
        }
        let (input, output) = (1..=TOKENS_IN_MAX, 1..=TOKENS_OUT_MAX);
        if !input.contains(&self.tokens_in_max) || !output.contains(&self.tokens_out_max) {
            let message = format!("`{name}` takes 1 to {TOKENS_IN_MAX} tokens and answers 1 to {TOKENS_OUT_MAX}");
            return Err(unfit(message));
        }
        if self.temperature.is_some_and(|warmth| !(0.0..=TEMPERATURE_MAX).contains(&warmth)) {
            return Err(unfit(format!("the temperature of `{name}` is from 0 to {TEMPERATURE_MAX}")));
        }
        let times = [self.first_token_ms, self.between_tokens_ms, self.whole_ms];
        let longest = TIMEOUT_MAX.as_millis();
        if times.into_iter().flatten().any(|ms| ms == 0 || u128::from(ms) > longest) {
            return Err(unfit(format!("the timeouts of `{name}` are from 1 to {longest} ms")));
        }
        Ok(())
    }
}

/// What kind of provider it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An OpenAI-compatible endpoint.
    Endpoint(Url),
    /// Answers that were stored before, in a file.
    Recorded(PathBuf),
}

/// A provider that is to be added.
#[derive(Clone)]
pub struct NewProvider {
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub body: Body,
    /// The key, unless it wants none.
    pub key: Option<Secret>,
}

impl std::fmt::Debug for NewProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewProvider").field("name", &self.name).field("body", &self.body).finish_non_exhaustive()
    }
}

/// What is said of a provider, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// The address of an OpenAI-compatible endpoint, without `/chat/completions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// A file with recorded answers, in place of an endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// How often it may be called in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub requests_per_minute: Option<NonZeroU32>,
    /// Its models; the first one is asked unless another is named.
    pub profiles: Vec<Profile>,
}

/// A provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// Its name.
    pub name: String,
    /// What kind it is.
    pub kind: Kind,
    /// How often it may be called in a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Its models.
    pub profiles: Vec<Profile>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// The name of a provider's key in the vault.
pub fn key_name(provider: &str) -> String {
    format!("prov_{provider}")
}

fn unfit(message: impl Into<String>) -> Error {
    Error::new(Code::ProviderUnfit, message)
}

fn bad_name(name: &str) -> Error {
    let shown: String = name.chars().take(40).collect();
    let message = format!("`{shown}` is no name: 1 to 40 small letters, digits, `-` and `_`, a letter first");
    Error::new(Code::ProviderName, message)
}

impl Body {
    /// Reads what kind of provider it is.
    pub(super) fn kind(&self) -> Result<Kind, Error> {
        match (&self.base_url, &self.recording) {
            (Some(base), None) => endpoint(base).map(Kind::Endpoint),
            (None, Some(file)) => {
                let file = PathBuf::from(file);
                let whole = file.is_absolute() && file.as_os_str().len() <= 4096;
                whole.then_some(Kind::Recorded(file)).ok_or_else(|| unfit("a recording is named by its whole path"))
            }
            (Some(_), Some(_)) | (None, None) => Err(unfit("a provider has either a `base_url` or a `recording`")),
        }
    }
}

fn endpoint(base: &str) -> Result<Url, Error> {
    let wanted = "the address of an endpoint is such as `https://api.openai.com/v1`, without a user name or a query";
    let url: Url = base.trim_end_matches('/').parse().map_err(|_| unfit(wanted))?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let sound = matches!(url.scheme(), "http" | "https") && url.host().is_some() && plain;
    if sound && base.len() <= TEXT_BYTES_MAX { Ok(url) } else { Err(unfit(wanted)) }
}

/// The host and port of an endpoint.
pub(super) fn host_of(url: &Url) -> HostPort {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => String::new(),
    };
    HostPort::new(&host, url.port_or_known_default().unwrap_or_default())
}

/// Whether an endpoint is on this machine: whoever named it has granted it, to this provider alone.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl NewProvider {
    /// Checks everything that can be known without asking the provider. `private_hosts` are those that were granted.
    pub(super) fn check(&self, private_hosts: &[HostPort]) -> Result<(), Error> {
        if !is_name(&self.name) {
            return Err(bad_name(&self.name));
        }
        let profiles = &self.body.profiles;
        if profiles.is_empty() || profiles.len() > PROFILES_MAX {
            return Err(unfit(format!("a provider has 1 to {PROFILES_MAX} profiles")));
        }
        profiles.iter().try_for_each(Profile::check)?;
        for (at, profile) in profiles.iter().enumerate() {
            if profiles[..at].iter().any(|other| other.name == profile.name) {
                return Err(unfit(format!("there are two profiles `{}`", profile.name)));
            }
        }
        match self.body.kind()? {
            Kind::Recorded(_) if self.key.is_some() => Err(unfit("a recording has no key")),
            Kind::Recorded(_) => Ok(()),
            Kind::Endpoint(url) => self.check_endpoint(&url, private_hosts),
        }
    }

    fn check_endpoint(&self, url: &Url, private_hosts: &[HostPort]) -> Result<(), Error> {
        let granted = is_here(url) || private_hosts.contains(&host_of(url));
        if url.scheme() == "http" && !granted {
            return Err(unfit(
                "an endpoint that is not on this machine is called by `https`, since the key goes with each call; a host of \
                 your own network is named in the setting `egress.allow_private` first",
            ));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if address.is_some_and(|address| !is_public(address)) && !granted {
            return Err(unfit("the address is private; name its host in the setting `egress.allow_private` first"));
        }
        match &self.key {
            Some(key) if HeaderValue::from_str(&format!("Bearer {}", key.expose())).is_err() => {
                Err(unfit("the key holds a character that no key has: is it all of one line?"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl Provider {
    /// Reads a provider as it is stored.
    pub(super) fn read(stored: StoredProvider) -> Result<Self, store::Error> {
        let unreadable = |reason: String| store::Error::Unreadable { what: "provider", reason };
        let body: Body = serde_json::from_value(stored.body).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self {
            id: stored.id,
            kind: body.kind().map_err(|error| unreadable(error.to_string()))?,
            name: stored.name,
            requests_per_minute: body.requests_per_minute,
            profiles: body.profiles,
            created_at: stored.created_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(base_url: &str) -> NewProvider {
        NewProvider {
            name: "p".to_owned(),
            body: Body {
                base_url: Some(base_url.to_owned()),
                recording: None,
                requests_per_minute: None,
                profiles: vec![Profile::new("m", Prices::FREE)],
            },
            key: None,
        }
    }

    #[test]
    fn a_key_leaves_only_encrypted_or_on_this_machine() {
        for fine in ["https://api.example/v1", "http://127.0.0.1:11434/v1/", "http://localhost:1/v1", "http://[::1]:1"]
        {
            assert_eq!(new(fine).check(&[]), Ok(()), "{fine}");
        }
        for bad in [
            "http://api.example/v1",
            "http://192.168.1.7:11434/v1",
            "https://192.168.1.7/v1",
            "https://user:pass@api.example",
            "https://api.example/v1?key=1",
            "ftp://api.example",
            "api.example",
            "",
        ] {
            assert_eq!(new(bad).check(&[]).unwrap_err().code(), Code::ProviderUnfit, "{bad}");
        }
        let nas = HostPort::new("192.168.1.7", 11434);
        assert_eq!(new("http://192.168.1.7:11434/v1").check(&[nas]), Ok(()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut twice = new("https://a.example");
        twice.body.profiles.push(Profile::new("n", Prices::FREE));
        assert!(twice.check(&[]).is_err());
        let mut keyed = new("https://a.example");
        keyed.key = Some(Secret::new("sk-1\nx"));
        assert!(keyed.check(&[]).is_err());
        let mut hot = new("https://a.example");
        hot.body.profiles[0].temperature = Some(f64::NAN);
        assert!(hot.check(&[]).is_err());
        let mut dear = new("https://a.example");
        dear.body.profiles[0].price_in = -1;
        assert!(dear.check(&[]).is_err());
    }
}
