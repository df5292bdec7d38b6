//! Reading the layers, the later over the earlier: file, environment, flags.

use std::path::Path;

use toml::{Table, Value};

use super::keys::{self, Kind};
use crate::error::{Code, Error};

/// A flag that overrides a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The section.
    pub section: &'static str,
    /// The key.
    pub name: &'static str,
    /// The value as text.
    pub value: String,
}

/// Variables of this form are keys.
const PREFIX: &str = "STEWARD_";
/// What separates section and key in a variable.
const SEPARATOR: &str = "__";
/// A longer file is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads the file, if there is one.
pub(super) fn file(path: &Path) -> Result<Table, Error> {
    let unreadable =
        |error: std::io::Error| Error::new(Code::ConfigUnreadable, format!("`{}`: {error}", path.display()));
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Table::new()),
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
            let message = format!("`{}` is longer than {FILE_BYTES_MAX} bytes", path.display());
            return Err(Error::new(Code::ConfigUnreadable, message));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        Error::new(Code::ConfigSyntax, format!("`{}`: {}", path.display(), error.to_string().trim()))
    })?;
    check(&table, path)?;
    Ok(table)
}

fn check(table: &Table, path: &Path) -> Result<(), Error> {
    for (section, members) in table {
        let Value::Table(members) = members else {
            return Err(unknown(
                &format!("`{section}` in `{}`", path.display()),
                keys::find(section, "").err().flatten(),
            ));
        };
        for name in members.keys() {
            if let Err(nearest) = keys::find(section, name) {
                return Err(unknown(&format!("`{section}.{name}` in `{}`", path.display()), nearest));
            }
        }
    }
    Ok(())
}

fn unknown(what: &str, nearest: Option<String>) -> Error {
    let advice = nearest.map_or_else(
        || {
            let mut sections: Vec<_> = keys::KEYS.iter().map(|key| key.section).collect();
            sections.dedup();
            format!("; the sections are {}", sections.join(", "))
        },
        |nearest| format!("; did you mean `{nearest}`?"),
    );
    Error::new(Code::ConfigUnknownKey, format!("there is no key {what}{advice}"))
}

/// Lays the environment over what is there.
pub(super) fn environment(table: &mut Table, variables: impl Iterator<Item = (String, String)>) -> Result<(), Error> {
    let settings = variables.filter_map(|(name, value)| {
        let (section, key) = name.strip_prefix(PREFIX)?.split_once(SEPARATOR)?;
        Some((name.clone(), section.to_lowercase(), key.to_lowercase(), value))
    });
    for (variable, section, name, value) in settings {
        let key = keys::find(&section, &name).map_err(|_| {
            let nearest = keys::nearest(&variable, keys::KEYS.iter().map(keys::Key::variable));
            unknown(&format!("`{variable}` in the environment"), nearest)
        })?;
        put(table, key, &value, &variable)?;
    }
    Ok(())
}

/// Lays flags over what is there.
pub(super) fn flags(table: &mut Table, overrides: &[Override]) -> Result<(), Error> {
    for flag in overrides {
        let found = keys::find(flag.section, flag.name);
        let key = found.map_err(|nearest| unknown(&format!("`{}.{}`", flag.section, flag.name), nearest))?;
        put(table, key, &flag.value, &format!("--{}", flag.name))?;
    }
    Ok(())
}

fn put(table: &mut Table, key: &keys::Key, text: &str, said_by: &str) -> Result<(), Error> {
    let value = match key.kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Whole => Value::Integer(text.trim().parse().map_err(|_| {
            Error::new(Code::ConfigValue, format!("{said_by} must be a whole number, and `{text}` is none"))
        })?),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
    };
    let section = table.entry(key.section).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(members) = section {
        members.insert(key.name.to_owned(), value);
    }
    Ok(())
}
