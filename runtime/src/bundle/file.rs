//! The file of a bundle.

use std::io::Read;
use std::path::Path;

use intents::journal::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::{Code, Error};

/// A journal has 64 MiB at most; a longer file was not written by a server of ours.
pub const BUNDLE_BYTES_MAX: u64 = 80 * 1024 * 1024;
/// What the file says it is.
const FORMAT: &str = "steward-bundle";
/// The version of this shape.
const VERSION: u32 = 1;

/// A bundle, as its file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BundleV1 {
    /// `steward-bundle`.
    pub format: String,
    /// The version of this shape: 1.
    pub version: u32,
    /// The version of Steward that wrote it.
    pub steward: String,
    /// The run, as it was called there.
    pub run: String,
    /// The contract that the run began under.
    #[schema(value_type = Object)]
    pub contract: Value,
    /// The source of the script.
    pub script: String,
    /// The tools that the script sees.
    pub tools: Vec<String>,
    /// The journal, from its beginning, with what the run was executed with, its input, its calls and what they led to.
    #[schema(value_type = Vec<Object>)]
    pub journal: Vec<Value>,
    /// How the run failed; none when it did not.
    pub failure: Option<FailureV1>,
    /// How many texts were replaced by others of the same shape.
    pub replaced: u64,
    /// Whether a replay of this very file led to the same end where it was written.
    pub reproduces: bool,
}

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureV1 {
    /// The class.
    pub class: String,
    /// The stable code.
    pub code: String,
    /// What failed.
    pub message: String,
    /// The call at which it failed, if it was one.
    pub call: Option<u32>,
}

/// A bundle that was read.
#[derive(Debug, Clone)]
pub struct Bundle {
    pub(super) file: BundleV1,
    pub(super) records: Vec<Record>,
}

/// Says why something is no bundle.
pub(crate) fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::new(Code::BundleUnreadable, format!("this is no bundle that can be read: {why}"))
}

impl Bundle {
    /// Reads a file, whatever is in it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let refused = |error: std::io::Error| Error::new(Code::FileUnreadable, format!("{}: {error}", path.display()));
        let file = std::fs::File::open(path).map_err(refused)?;
        let mut text = String::new();
        // What it says of its length is not believed.
        let read = file.take(BUNDLE_BYTES_MAX + 1).read_to_string(&mut text);
        if text.len() as u64 > BUNDLE_BYTES_MAX {
            let message = format!("{} is larger than {BUNDLE_BYTES_MAX} bytes", path.display());
            return Err(Error::new(Code::BundleTooLarge, message));
        }
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Err(unreadable("it is no text")),
            Err(error) => return Err(refused(error)),
        }
        let value: Value = serde_json::from_str(&text).map_err(unreadable)?;
        Self::of_value(&value)
    }

    /// Reads what somebody sent.
    pub fn of_value(value: &Value) -> Result<Self, Error> {
        if value["format"] != FORMAT {
            return Err(unreadable(format!("it does not say that its format is `{FORMAT}`")));
        }
        match value["version"].as_u64() {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                let message = format!("the bundle has version {version}, and this Steward reads version {VERSION}");
                return Err(Error::new(Code::BundleVersion, message));
            }
            None => return Err(unreadable("it does not say its version")),
        }
        let file = BundleV1::deserialize(value).map_err(unreadable)?;
        let records = file.journal.iter().map(Record::deserialize).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(|error| unreadable(format!("its journal: {error}")))?;
        if !matches!(records.first(), Some(Record::Began { .. })) {
            return Err(unreadable("its journal has no beginning"));
        }
        Ok(Self { file, records })
    }

    /// The file, as it is written.
    pub fn file(&self) -> &BundleV1 {
        &self.file
    }

    /// The run, as it was called where it ran.
    pub fn run(&self) -> &str {
        &self.file.run
    }

    /// Its journal.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether the run had come to its end.
    pub fn has_ended(&self) -> bool {
        self.records.iter().any(|record| matches!(record, Record::Ended { .. }))
    }
}

impl BundleV1 {
    pub(super) fn new(run: String, contract: Value, script: String, tools: Vec<String>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            steward: env!("CARGO_PKG_VERSION").to_owned(),
            run,
            contract,
            script,
            tools,
            journal: Vec::new(),
            failure: None,
            replaced: 0,
            reproduces: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(bytes: &[u8]) -> String {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("bundle.json");
        std::fs::write(&path, bytes).unwrap();
        Bundle::open(&path).unwrap_err().code().to_owned()
    }

    #[test]
    fn garbage_is_named_and_nothing_else_happens() {
        let whole = json!({
            "format": "steward-bundle", "version": 1, "steward": "0", "run": "run_1", "contract": {}, "script": "",
            "tools": [], "journal": [], "failure": null, "replaced": 0, "reproduces": true
        });
        let with = |name: &str, value: Value| {
            let mut changed = whole.clone();
            changed[name] = value;
            changed.to_string().into_bytes()
        };
        let deep = "[".repeat(100_000);
        for (bytes, expected) in [
            (b"".to_vec(), "BUNDLE_UNREADABLE"),
            (b"\xff\xfe".to_vec(), "BUNDLE_UNREADABLE"),
            (b"{}".to_vec(), "BUNDLE_UNREADABLE"),
            (deep.into_bytes(), "BUNDLE_UNREADABLE"),
            (whole.to_string().as_bytes()[..60].to_vec(), "BUNDLE_UNREADABLE"),
            (whole.to_string().into_bytes(), "BUNDLE_UNREADABLE"),
            (with("version", json!(2)), "BUNDLE_VERSION"),
            (with("version", json!("1")), "BUNDLE_UNREADABLE"),
            (with("journal", json!([{ "record": "nonsense" }])), "BUNDLE_UNREADABLE"),
            (with("script", json!(7)), "BUNDLE_UNREADABLE"),
        ] {
            assert_eq!(code(&bytes), expected, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
        }
    }
}
