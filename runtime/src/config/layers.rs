//! Reading the layers, the later over the earlier: file, environment, flags. Every problem is noted, none ends it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::keys::{self, Form, Key, Kind};
use super::problem::{Problem, Source};
use super::secret_file;
use crate::error::Code;

/// A flag that overrides a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The key: `server.listen`.
    pub path: String,
    /// The value as text.
    pub value: String,
    /// The flag as it was written.
    pub flag: String,
}

impl Override {
    /// What a flag of its own says.
    pub fn named(flag: &str, path: &str, value: &str) -> Self {
        Self { path: path.to_owned(), value: value.to_owned(), flag: format!("--{flag}") }
    }

    /// What `--set section.key=value` says.
    pub fn set(text: &str) -> Self {
        let (path, value) = text.split_once('=').unwrap_or((text, ""));
        // The flag is shown, the value may be a secret.
        Self { path: path.trim().to_owned(), value: value.to_owned(), flag: format!("--set {}", path.trim()) }
    }
}

/// What somebody said about a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub(super) value: Value,
    pub(super) by: Source,
    /// The file that the value was read from, where it was not said directly.
    pub(super) out_of: Option<PathBuf>,
}

/// What all layers say together.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) said: BTreeMap<&'static str, Said>,
    pub(super) problems: Vec<Problem>,
    /// What works and should not be so.
    pub(super) warnings: Vec<Problem>,
}

/// Variables of this form are ours.
const PREFIX: &str = "STEWARD_";
/// Variables that are no keys: where the data and the configuration are, the passphrase, and what tests are told.
const OTHER_VARIABLES: [&str; 5] =
    [super::HOME, super::CONFIG, super::PASSPHRASE, super::PASSPHRASE_FILE, "STEWARD_TEST_"];
/// A longer file is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Somebody beside the owner may read it.
const READABLE_BY_OTHERS: u32 = 0o044;

/// The names that one layer says, so that a value and its file are not both said.
type Layer = BTreeMap<&'static str, &'static str>;

impl Layers {
    /// Reads the file. One that nobody named need not be there.
    pub(super) fn file(&mut self, path: &Path, named: bool, home: &Path) {
        let at = || Source::file(path, None);
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.problem(Code::ConfigUnreadable, at(), error.to_string()),
        };
        let (spans, errors) = DeTable::parse_recoverable(&text);
        for error in &errors {
            let line = error.span().map(|span| line_of(&text, span.start));
            self.problem(Code::ConfigSyntax, Source::file(path, line), error.message().to_owned());
        }
        if !errors.is_empty() {
            return;
        }
        let values: Table = match text.parse() {
            Ok(values) => values,
            Err(error) => {
                let error: toml::de::Error = error;
                return self.problem(Code::ConfigSyntax, at(), error.message().to_owned());
            }
        };
        let mut layer = Layer::new();
        let before = self.said.len();
        self.table("", &values, spans.get_ref(), &Text { path, text: &text, home }, &mut layer);
        let holds_secret = self.said.len() > before
            && layer.iter().any(|(key, name)| key == name && keys::find(key).is_ok_and(is_secret_value));
        let mode = std::fs::metadata(path).map(|metadata| metadata.permissions().mode()).unwrap_or_default();
        if holds_secret && mode & READABLE_BY_OTHERS != 0 {
            let message =
                format!("others can read this file, and it holds a secret; run `chmod 600 '{}'`", path.display());
            self.warning(at(), message);
        }
    }

    fn table(&mut self, prefix: &str, values: &Table, spans: &DeTable<'_>, text: &Text<'_>, layer: &mut Layer) {
        for (name, value) in values {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let spanned = spans.iter().find(|(key, _)| key.get_ref().as_ref() == name.as_str());
            let line = spanned.map(|(key, _)| line_of(text.text, key.span().start));
            let at = Source::file(text.path, line);
            match (keys::find(&path), value) {
                (Ok(form), value) => self.put(form, value.clone(), at, text.home, layer),
                (Err(_), Value::Table(members)) if keys::is_section(&path) => {
                    let inner = spanned.and_then(|(_, value)| match value.get_ref() {
                        DeValue::Table(inner) => Some(inner),
                        DeValue::String(_)
                        | DeValue::Integer(_)
                        | DeValue::Float(_)
                        | DeValue::Boolean(_)
                        | DeValue::Datetime(_)
                        | DeValue::Array(_) => None,
                    });
                    self.table(&path, members, inner.unwrap_or(&DeTable::new()), text, layer);
                }
                (Err(_), Value::Table(members)) if !members.is_empty() => {
                    // A section that is not known is told once for each key, for the key says which one is meant.
                    for member in members.keys() {
                        let path = format!("{path}.{member}");
                        self.unknown(&path, at.clone(), keys::find(&path).err().flatten());
                    }
                }
                (Err(nearest), _) => self.unknown(&path, at, nearest),
            }
        }
    }

    /// Lays the environment over what is there.
    pub(super) fn environment(&mut self, variables: &[(String, String)], home: &Path) {
        let mut layer = Layer::new();
        for (variable, text) in variables.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            if OTHER_VARIABLES
                .iter()
                .any(|other| variable == other || (other.ends_with('_') && variable.starts_with(other)))
            {
                continue;
            }
            let at = Source::Variable(variable.clone());
            match keys::find_variable(variable) {
                Ok(form) => self.text(form, text, at, home, &mut layer),
                Err(nearest) if variable.contains(keys::SEPARATOR) => self.unknown(variable, at, nearest),
                // Others may have names that begin like ours: a cluster tells each service's address so.
                Err(_) => {
                    if let Some(meant) = keys::meant_by(variable) {
                        self.unknown(variable, at, Some(meant));
                    }
                }
            }
        }
    }

    /// Lays flags over what is there.
    pub(super) fn flags(&mut self, overrides: &[Override], home: &Path) {
        // Said twice, the last one counts, as with other flags.
        for flag in overrides {
            let at = Source::Flag(flag.flag.clone());
            match keys::find(&flag.path) {
                Ok(form) => self.text(form, &flag.value, at, home, &mut Layer::new()),
                Err(nearest) => self.unknown(&flag.path, at, nearest),
            }
        }
    }

    /// Takes a value that is a text.
    fn text(&mut self, form: Form, text: &str, at: Source, home: &Path, layer: &mut Layer) {
        match form {
            // Set to nothing is not set, except where nothing is a value.
            Form::Value(key) if text.trim().is_empty() && key.kind != Kind::List => {}
            Form::File(_) if text.trim().is_empty() => {}
            Form::File(_) => self.put(form, Value::String(text.to_owned()), at, home, layer),
            Form::Value(key) => match parse(key, text) {
                Ok(value) => self.put(form, value, at, home, layer),
                Err(message) => self.problem(Code::ConfigValue, at, message),
            },
        }
    }

    fn put(&mut self, form: Form, value: Value, at: Source, home: &Path, layer: &mut Layer) {
        let key = match form {
            Form::Value(key) | Form::File(key) => key,
        };
        let name = if matches!(form, Form::File(_)) { "file" } else { key.path };
        if layer.insert(key.path, name).is_some_and(|before| before != name) {
            let message = format!("both `{0}` and `{0}_file` are set; leave one of them out", key.path);
            return self.problem(Code::ConfigValue, at, message);
        }
        let said = match form {
            Form::Value(_) => Said { value, by: at, out_of: None },
            Form::File(_) => match self.read_secret(key, &value, &at, home) {
                Some(said) => said,
                None => return,
            },
        };
        self.said.insert(key.path, said);
    }

    fn read_secret(&mut self, key: &Key, path: &Value, at: &Source, home: &Path) -> Option<Said> {
        let Value::String(path) = path else {
            self.problem(Code::ConfigValue, at.clone(), format!("`{}_file` is the path of a file", key.path));
            return None;
        };
        let path = home.join(path);
        let found = match secret_file::read(&path) {
            Ok(found) => found,
            Err(message) => {
                self.problem(Code::ConfigUnreadable, at.clone(), message);
                return None;
            }
        };
        if found.is_public {
            let message = format!("everybody can read the secret in `{0}`; run `chmod 600 '{0}'`", path.display());
            self.warning(at.clone(), message);
        }
        // What stands in lines is a list.
        let text = if key.kind == Kind::List { found.text.replace('\n', ",") } else { found.text };
        match parse(key, &text) {
            Ok(value) => Some(Said { value, by: at.clone(), out_of: Some(path) }),
            Err(message) => {
                self.problem(Code::ConfigValue, at.clone(), message);
                None
            }
        }
    }

    fn unknown(&mut self, what: &str, at: Source, nearest: Option<String>) {
        let advice = nearest.map_or_else(
            || {
                let mut sections: Vec<_> = keys::KEYS.iter().map(Key::section).collect();
                sections.dedup();
                format!("; the sections are {}", sections.join(", "))
            },
            |nearest| format!("; did you mean `{nearest}`?"),
        );
        self.problem(Code::ConfigUnknownKey, at, format!("there is no key `{what}`{advice}"));
    }

    pub(super) fn problem(&mut self, code: Code, at: Source, message: impl Into<String>) {
        self.problems.push(Problem::new(code, at, message));
    }

    pub(super) fn warning(&mut self, at: Source, message: impl Into<String>) {
        self.warnings.push(Problem::new(Code::ConfigValue, at, message));
    }
}

/// A file that is being read.
struct Text<'a> {
    path: &'a Path,
    text: &'a str,
    home: &'a Path,
}

fn is_secret_value(form: Form) -> bool {
    match form {
        Form::Value(key) => key.secret,
        Form::File(_) => false,
    }
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        let message = format!("the file is longer than {FILE_BYTES_MAX} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    std::fs::read_to_string(path)
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Reads the text of a variable or a flag. The message never repeats a secret.
fn parse(key: &Key, text: &str) -> Result<Value, String> {
    let none = |what: &str| {
        let given = if key.secret { "it".to_owned() } else { format!("`{text}`") };
        format!("`{}` must be {what}, and {given} is none", key.path)
    };
    let trimmed = text.trim();
    match key.kind {
        Kind::Text => Ok(Value::String(text.to_owned())),
        Kind::Whole => trimmed.parse().map(Value::Integer).map_err(|_| none("a whole number")),
        Kind::Fraction => trimmed.parse().map(Value::Float).map_err(|_| none("a number")),
        Kind::Switch => trimmed.parse().map(Value::Boolean).map_err(|_| none("`true` or `false`")),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
    }
}
