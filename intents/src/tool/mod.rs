//! What a tool is: the one definition from which the check at the boundary, the documentation, the gate's
//! vocabulary and the list of faults come.

mod template;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Class;
use crate::label::Label;
use crate::pointer::Pointer;

/// The name of a tool: `service.verb`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text names no tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tool name of the form `service.verb`, in lower-case letters, digits and `_`")]
pub struct MalformedName(pub String);

impl Name {
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the dot.
    pub fn service(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }

    /// Whether every script may use the tool, whatever its contract says: its own state, and its talk with Steward.
    pub fn is_host_tool(&self) -> bool {
        matches!(self.service(), "state" | "steward")
    }
}

impl FromStr for Name {
    type Err = MalformedName;

    fn from_str(text: &str) -> Result<Self, MalformedName> {
        let word = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        match text.split_once('.') {
            Some((service, verb)) if word(service) && word(verb) && text.len() <= 64 => Ok(Self(text.to_owned())),
            Some(_) | None => Err(MalformedName(text.to_owned())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ToolName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A tool, as service.verb.",
            "pattern": "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$"
        })
    }
}

/// Whether a call changes anything outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Changes nothing outside.
    Read,
    /// Changes something outside, under an identity.
    Effect(Identity),
}

/// How it can be known whether an effect happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The service honours an idempotency key: sending again within the window is safe.
    Keyed {
        /// How long the service remembers a key, in milliseconds.
        window_ms: u64,
    },
    /// The service can be asked whether a key arrived.
    Queryable {
        /// Only after this many milliseconds does absence prove that nothing was done.
        absent_after_ms: u64,
        /// For how long the service can be asked, in milliseconds.
        window_ms: u64,
    },
    /// The same arguments lead to the same state, as long as the precondition holds.
    Natural,
    /// Nobody but a person can say.
    Blind,
}

/// Who owns the shape of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// We do: a mismatch is our bug.
    BuiltIn,
    /// The service does: a mismatch is drift.
    Open,
}

/// One error that a tool can give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredError {
    /// Stable within the tool: `not_found`.
    pub code: String,
    /// What it means, for people.
    pub meaning: String,
    /// The class when the script does not see it, or `None` for a domain answer that the script may catch.
    pub class: Option<Class>,
    /// Whether this answer proves that nothing was done.
    pub proves_nothing_done: bool,
}

/// How often the service may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Calls in the window.
    pub max: u32,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

/// The whole definition of one tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// `service.verb`.
    pub name: Name,
    /// Rises with each change of meaning; journals pin it.
    pub version: u32,
    /// One sentence for people.
    pub summary: String,
    /// Read or effect, with its identity.
    pub kind: Kind,
    /// Who owns the shape of the results.
    pub shape: Shape,
    /// JSON Schema (2020-12) of the arguments: an object without unknown members.
    pub arguments: Value,
    /// JSON Schema (2020-12) of the result.
    pub result: Value,
    /// Every error that the tool can give.
    pub errors: Vec<DeclaredError>,
    /// Permissions that the connection needs.
    pub scopes: Vec<String>,
    /// How often the service may be called.
    pub rate_limit: Option<RateLimit>,
    /// What one call costs, in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Places in arguments or result that people and models never see: `/arguments/password`.
    pub redacted: Vec<Pointer>,
    /// A template for the label of what it reads, or `None` when it reads nothing: `folder:{/folder}`.
    pub label: Option<String>,
    /// Whether the call leaves the machine.
    pub leaves_machine: bool,
    /// A template for where it takes data to, when it leaves the machine: `http:{/url#host}`.
    pub sink: Option<String>,
    /// Where the data stands in a result that wraps it: `/json`.
    pub data: Option<Pointer>,
    /// The argument with the address that the credential of a connection is sent to, or `None` when the tool uses no
    /// connection.
    pub connects_at: Option<Pointer>,
    /// How long one call may take, in milliseconds.
    pub timeout_ms: u64,
    /// An example of arguments.
    pub example: Value,
}

/// Where a call takes data to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sinks {
    /// Nowhere: it stays on the machine.
    StaysHere,
    /// To these hosts or domains; never empty.
    Named(BTreeSet<Label>),
    /// To somewhere that the arguments do not name.
    Unnamed,
}

impl Definition {
    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// Whether a call changes anything outside.
    pub fn is_effect(&self) -> bool {
        match self.kind {
            Kind::Read => false,
            Kind::Effect(_) => true,
        }
    }

    /// Whether calls need an effect key: effects that cannot simply be done again.
    pub fn takes_key(&self) -> bool {
        match self.kind {
            Kind::Read | Kind::Effect(Identity::Natural) => false,
            Kind::Effect(Identity::Keyed { .. } | Identity::Queryable { .. } | Identity::Blind) => true,
        }
    }

    /// Where a call with these arguments takes data to, as labels: none when it stays on the machine. Where the
    /// arguments do not say, the place has no name.
    pub fn sinks(&self, arguments: &Value) -> Sinks {
        match (&self.sink, self.leaves_machine) {
            (_, false) => Sinks::StaysHere,
            (Some(template), true) => template::expand(template, &self.name, arguments)
                .filter(|labels| !labels.is_empty())
                .map_or(Sinks::Unnamed, Sinks::Named),
            (None, true) => Sinks::Unnamed,
        }
    }

    /// Where a result of a call with these arguments comes from.
    pub fn sources(&self, arguments: &Value) -> BTreeSet<Label> {
        self.label.as_ref().and_then(|label| template::expand(label, &self.name, arguments)).unwrap_or_default()
    }

    /// Whether the schema of the result has a place for `pointer`; `*` steps into items.
    pub fn has_result(&self, pointer: &Pointer) -> bool {
        schema_has(&self.result, pointer.segments())
    }

    /// Whether the schema of the arguments has a place for `pointer`; `*` steps into items.
    pub fn has_argument(&self, pointer: &Pointer) -> bool {
        schema_has(&self.arguments, pointer.segments())
    }
}

fn schema_has(schema: &Value, segments: &[String]) -> bool {
    let Some((first, rest)) = segments.split_first() else { return true };
    let member = schema.get("properties").and_then(|properties| properties.get(first));
    let item = (first == "*" || first.parse::<usize>().is_ok()).then(|| schema.get("items")).flatten();
    let free = schema.get("additionalProperties").filter(|more| !matches!(more, Value::Bool(false)));
    match member.or(item).or(free) {
        Some(Value::Bool(true)) => true,
        Some(inner) => schema_has(inner, rest),
        None => schema.as_object().is_some_and(serde_json::Map::is_empty),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tool_names_have_two_parts() {
        assert!("http.get".parse::<Name>().is_ok());
        for text in ["http", "Http.get", "http.get.more", ".get", "http.", "http.g t", "1.a"] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pointer_outside_the_schema_is_found() {
        let schema = json!({ "properties": {
            "to": { "type": "string" },
            "lines": { "items": { "properties": { "text": {} } } },
            "headers": { "additionalProperties": { "type": "string" } }
        }, "additionalProperties": false });
        for (pointer, known) in [
            ("/to", true),
            ("/cc", false),
            ("/lines/*/text", true),
            ("/lines/*/x", false),
            ("/headers/Accept", true),
            ("", true),
        ] {
            let segments: Pointer = pointer.parse().unwrap();
            assert_eq!(schema_has(&schema, segments.segments()), known, "{pointer}");
        }
    }
}
