//! What the script may use, and for what.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::place::{Place, RowName};
use super::{Condition, DeclaredIdentity};
use crate::label::Label;
use crate::pointer::Pointer;
use crate::time::Span;
use crate::tool::Name;

/// A tool that the script may use, and for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Capability {
    /// The tool.
    pub tool: Name,
    /// The account through which it is used, where it is not used as anybody may.
    pub connection: Option<ConnectionName>,
    /// Rows of earlier results that conditions speak of.
    pub bind: BTreeMap<RowName, Bind>,
    /// What must hold for the arguments of each call, and for the bound rows.
    pub conditions: BTreeMap<Place, Condition>,
    /// How old the bound rows may be.
    pub fresh_for: Option<Span>,
    /// How its effects can be known to have happened, where the tool itself cannot say.
    pub identity: Option<DeclaredIdentity>,
}

/// One row of an earlier result.
#[derive(Debug, Clone, PartialEq)]
pub struct Bind {
    /// The tool that read it.
    pub row_of: Name,
    /// Where rows stand in its result.
    pub at: Pointer,
    /// What must hold for the arguments with which it was read.
    pub conditions: BTreeMap<Place, Condition>,
}

/// The name of an account that a tool uses: `conn_books`. Its credential is in the vault, under the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionName(String);

/// What names of connections start with.
const PREFIX: &str = "conn_";
/// Longer names are data.
const NAME_MAX: usize = 64;

/// Why a text is no name of a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name of a connection: `conn_` and then lower-case letters, digits, `-` and `_`")]
pub struct MalformedConnection(pub String);

impl ConnectionName {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The label of what is read through it: `conn:books`.
    pub fn label(&self) -> Label {
        Label(format!("conn:{}", &self.0[PREFIX.len()..]))
    }
}

impl FromStr for ConnectionName {
    type Err = MalformedConnection;

    fn from_str(text: &str) -> Result<Self, MalformedConnection> {
        let own = text.strip_prefix(PREFIX).unwrap_or_default();
        let sound = !own.is_empty()
            && text.len() <= NAME_MAX
            && own.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if sound { Ok(Self(text.to_owned())) } else { Err(MalformedConnection(text.chars().take(NAME_MAX).collect())) }
    }
}

impl fmt::Display for ConnectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
