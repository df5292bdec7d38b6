//! What starts runs.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::schedule::{CatchUp, CronSpec, Overlap, Zone};
use crate::time::Span;

/// One way in which runs start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// What starts them.
    pub source: Source,
    /// For how long what started a run is worth a run.
    pub useful_for: Option<Span>,
    /// What happens while another run goes on.
    pub overlap: Overlap,
}

/// What starts runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A cron line on the clock of a time zone.
    Schedule {
        /// When.
        cron: CronSpec,
        /// On which clock.
        zone: Zone,
        /// What happens to missed times.
        catch_up: CatchUp,
    },
    /// A file that lands in a granted folder.
    File {
        /// The folder's name in the settings.
        folder: Slug,
        /// Which file names count.
        matching: Glob,
        /// What makes two files the same.
        dedupe: FileDedupe,
    },
    /// A signed request from outside.
    Webhook {
        /// The last part of its address.
        name: Slug,
        /// The vault's secret that signs requests.
        secret: SecretName,
        /// How requests are signed.
        signature: Signature,
        /// The header that tells requests apart, where it is not the signature scheme's own.
        dedupe_header: Option<HeaderName>,
    },
    /// An event of another automation.
    Event {
        /// Its name.
        name: EventName,
    },
    /// The user.
    Manual,
}

/// What makes two files the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileDedupe {
    /// Their content, wherever they lie.
    Content,
    /// Their path and content.
    #[default]
    PathAndContent,
}

/// How requests to a webhook are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// `X-Steward-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, told apart by `X-Steward-Delivery`.
    Steward,
    /// `X-Hub-Signature-256: sha256=<hex HMAC-SHA256 of the body>`, told apart by `X-GitHub-Delivery`.
    Github,
}

impl Signature {
    /// Every scheme.
    pub const ALL: [Self; 2] = [Self::Steward, Self::Github];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Steward => "steward",
            Self::Github => "github",
        }
    }

    /// The header that tells requests apart, unless the contract names another.
    pub const fn delivery_header(self) -> &'static str {
        match self {
            Self::Steward => "x-steward-delivery",
            Self::Github => "x-github-delivery",
        }
    }
}

/// Why a text is no name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct MalformedName {
    text: String,
    what: &'static str,
}

/// Declares a name: a text with a rule.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = MalformedName;

            fn from_str(text: &str) -> Result<Self, MalformedName> {
                let rule: fn(&str) -> bool = $rule;
                if rule(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(MalformedName { text: text.chars().take(NAME_MAX).collect(), what: $what })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// Longer names are data.
const NAME_MAX: usize = 64;
/// An event's name has several parts.
const EVENT_NAME_MAX: usize = 128;

fn is_slug(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

name!(
    /// A name that fits into an address: `statements`.
    Slug, "name of lower-case letters, digits, `-` and `_`, at most 64", is_slug
);
name!(
    /// The name of a secret in the vault.
    SecretName, "name of a secret: letters, digits, `-`, `_` and `.`, at most 64",
    |text| (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
);
name!(
    /// The name of an HTTP header.
    HeaderName, "name of an HTTP header: letters, digits and `-`, at most 64",
    |text| (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
);
name!(
    /// The name of an event: `invoice.paid`.
    EventName, "name of an event: words of lower-case letters, digits, `-` and `_`, joined by dots",
    |text| text.len() <= EVENT_NAME_MAX && text.split('.').all(is_slug)
);

/// A pattern of file names: `*.csv`. `*` and `?` do not cross folders, `**` does.
#[derive(Clone)]
pub struct Glob {
    text: String,
    matcher: GlobMatcher,
}

/// Longer patterns are mistakes.
const GLOB_MAX: usize = 128;

impl Glob {
    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the path of a file, relative to its folder, with `/` between its parts, counts.
    pub fn matches(&self, path: &str) -> bool {
        self.matcher.is_match(path)
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bounded = (1..=GLOB_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        let inside = !text.starts_with('/') && !text.split('/').any(|part| part == "..") && !text.contains('\\');
        if !bounded || !inside {
            return Err(format!("a file pattern has 1 to {GLOB_MAX} bytes, no `\\`, and does not leave its folder"));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build();
        let glob = glob.map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), matcher: glob.compile_matcher() })
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_pattern_stays_in_its_folder() {
        let csv: Glob = "*.csv".parse().unwrap();
        assert!(csv.matches("a.csv") && !csv.matches("a/b.csv") && !csv.matches("a.csv.tmp"));
        assert!("**/*.csv".parse::<Glob>().unwrap().matches("a/b.csv"));
        for text in ["", "/etc/*", "../*", "a/../b", "[", "a\\b", "{a"] {
            assert!(text.parse::<Glob>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!("invoice.paid".parse::<EventName>().is_ok());
        for text in ["", "a b", "A", "-a", "a..b", "ä"] {
            assert!(text.parse::<Slug>().is_err(), "{text}");
            assert!(text.parse::<EventName>().is_err(), "{text}");
        }
    }
}
