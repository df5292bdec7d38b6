//! Where a condition looks: into the arguments of a call, or into a row of an earlier result.

use std::fmt;
use std::str::FromStr;

use crate::pointer::Pointer;

/// A place that a condition is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In the arguments: `/to`.
    Argument(Pointer),
    /// In a bound row: `inv:/client/email`.
    Row(RowPlace),
}

/// One place in a bound row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowPlace {
    /// The row.
    pub row: RowName,
    /// Where in it. It names one place: no `*`.
    pub at: Pointer,
}

/// The name that a capability gives to a row of an earlier result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowName(String);

/// Longer names are sentences.
const NAME_MAX: usize = 32;
/// Texts that start with one of these and a colon are addresses, whatever a row is called.
const SCHEMES: [&str; 5] = ["http", "https", "mailto", "ftp", "file"];

/// Why a text is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedPlace {
    /// Neither a pointer nor a place in a row.
    #[error("`{0}` is neither a JSON pointer such as `/to` nor a place in a bound row such as `inv:/client/email`")]
    Syntax(String),
    /// A row's place that would name several.
    #[error("`{0}` names several places with `*`; a place in a row is one")]
    Several(String),
}

/// Why a text is no name of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name for a row: lower-case letters, digits and `_`, a letter first, at most 32, and not the start of \
     an address such as `http`"
)]
pub struct MalformedRowName(pub String);

impl RowName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RowPlace {
    /// Reads `inv:/number`. None where the text is something else altogether, such as a constant.
    pub fn read(text: &str) -> Option<Result<Self, MalformedPlace>> {
        let (name, at) = text.split_once(':')?;
        let row: RowName = name.parse().ok()?;
        let at: Pointer = at.parse().ok()?;
        if at.segments().iter().any(|segment| segment == "*") {
            return Some(Err(MalformedPlace::Several(text.to_owned())));
        }
        Some(Ok(Self { row, at }))
    }
}

impl Place {
    /// The pointer into the arguments, when it is one.
    pub fn argument(&self) -> Option<&Pointer> {
        match self {
            Self::Argument(pointer) => Some(pointer),
            Self::Row(_) => None,
        }
    }
}

impl FromStr for RowName {
    type Err = MalformedRowName;

    fn from_str(text: &str) -> Result<Self, MalformedRowName> {
        let sound = (1..=NAME_MAX).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && !SCHEMES.contains(&text);
        if sound { Ok(Self(text.to_owned())) } else { Err(MalformedRowName(text.chars().take(NAME_MAX).collect())) }
    }
}

impl FromStr for Place {
    type Err = MalformedPlace;

    fn from_str(text: &str) -> Result<Self, MalformedPlace> {
        if let Ok(pointer) = text.parse() {
            return Ok(Self::Argument(pointer));
        }
        RowPlace::read(text).unwrap_or_else(|| Err(MalformedPlace::Syntax(text.to_owned()))).map(Self::Row)
    }
}

impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RowPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.row, self.at)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(pointer) => pointer.fmt(f),
            Self::Row(place) => place.fmt(f),
        }
    }
}

impl serde::Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Place {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Place".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A place in the arguments, such as /to, or in a bound row, such as inv:/client/email.",
            "pattern": "^([a-z][a-z0-9_]{0,31}:)?(/.*)?$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_arguments_or_in_a_row() {
        assert!(matches!("/to".parse(), Ok(Place::Argument(_))));
        assert!(matches!("inv:/client/email".parse(), Ok(Place::Row(_))));
        assert!(matches!("inv:".parse(), Ok(Place::Row(_))));
        for text in ["to", "Inv:/x", "inv:x", "https://books.example", "inv:/items/*/x", "a b:/x", ":/x"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
        assert_eq!("inv:/a~1b".parse::<Place>().unwrap().to_string(), "inv:/a~1b");
    }

    #[test]
    fn an_address_is_no_place_in_a_row() {
        assert_eq!(RowPlace::read("https://books.example/a"), None);
        assert_eq!(RowPlace::read("Invoice: 17"), None);
        assert!("http".parse::<RowName>().is_err());
    }
}
