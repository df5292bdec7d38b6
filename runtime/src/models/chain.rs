//! Names of providers and profiles, and the order in which they are asked.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{Code, Error};
use super::provider::{Profile, Provider};

/// Longer names are no names.
const NAME_BYTES_MAX: usize = 40;
/// Models in a chain: whoever needs more has another problem.
pub(crate) const CHAIN_MAX: usize = 16;

/// A profile of a provider: `openai/small`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileName {
    /// The provider.
    pub provider: String,
    /// The profile; the provider's first one where none is named.
    pub profile: Option<String>,
}

/// Whether a text is a name for a provider or a profile.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
}

impl FromStr for ProfileName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (provider, profile) = match text.split_once('/') {
            Some((provider, profile)) => (provider, Some(profile)),
            None => (text, None),
        };
        if !is_name(provider) || profile.is_some_and(|profile| !is_name(profile)) {
            let shown: String = text.chars().take(NAME_BYTES_MAX).collect();
            let message =
                format!("`{shown}` is no model such as `openai` or `openai/small`: PROVIDER or PROVIDER/PROFILE");
            return Err(Error::new(Code::ProviderName, message));
        }
        Ok(Self { provider: provider.to_owned(), profile: profile.map(str::to_owned) })
    }
}

impl TryFrom<String> for ProfileName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<ProfileName> for String {
    fn from(name: ProfileName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.profile {
            Some(profile) => write!(f, "{}/{profile}", self.provider),
            None => f.write_str(&self.provider),
        }
    }
}

/// The models to ask, in order: those that are named, or the first of each provider in the order in which they were added.
pub(super) fn resolve<'p>(
    named: Option<&[ProfileName]>,
    providers: &'p [Provider],
) -> Result<Vec<(&'p Provider, &'p Profile)>, Error> {
    let Some(named) = named else {
        let firsts = providers.iter().filter_map(|provider| Some((provider, provider.profiles.first()?)));
        return Ok(firsts.take(CHAIN_MAX).collect());
    };
    named.iter().map(|name| find(name, providers)).collect()
}

fn find<'p>(name: &ProfileName, providers: &'p [Provider]) -> Result<(&'p Provider, &'p Profile), Error> {
    let missing = |what: String| {
        let message = format!("there is no {what}; list the models with `steward providers list`");
        Error::new(Code::ModelNone, message)
    };
    let provider = providers.iter().find(|provider| provider.name == name.provider);
    let provider = provider.ok_or_else(|| missing(format!("provider `{}`", name.provider)))?;
    let fits = |profile: &&Profile| name.profile.as_ref().is_none_or(|wanted| *wanted == profile.name);
    let profile = provider.profiles.iter().find(fits);
    profile.map(|profile| (provider, profile)).ok_or_else(|| missing(format!("model `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_by_its_provider_and_perhaps_its_profile() {
        let named: ProfileName = "openai/small".parse().unwrap();
        assert_eq!((named.provider.as_str(), named.profile.as_deref()), ("openai", Some("small")));
        assert_eq!("ollama".parse::<ProfileName>().unwrap().to_string(), "ollama");
        for text in ["", "/", "a/", "/a", "A", "a b", "a/b/c", "-a", "../x"] {
            assert!(text.parse::<ProfileName>().is_err(), "{text}");
        }
    }
}
