//! From what was said to a configuration, or to everything that is wrong with it.

use std::path::{Path, PathBuf};

use connectors::vault::{MasterKeySource, Secret};
use serde::Deserialize;
use toml::{Table, Value};

use super::keys::{KEYS, Key, Unsaid};
use super::layers::{Layers, Override};
use super::problem::{Problem, Source};
use super::sections::{Config, Sections};
use super::{CONFIG, PASSPHRASE, PASSPHRASE_FILE, check, data_folder, home};
use crate::error::{Code, Error};

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Keys with their values; the last one counts.
    pub overrides: Vec<Override>,
}

/// A configuration, looked over.
#[derive(Debug)]
pub struct Examined {
    /// The data folder.
    pub home: PathBuf,
    /// The configuration file, whether or not it is there.
    pub file: PathBuf,
    /// Every key with what is in force.
    pub settings: Vec<Setting>,
    /// What works and should not be so.
    pub warnings: Vec<Problem>,
    /// The configuration, or everything that is wrong with it.
    pub config: Result<Config, Vec<Problem>>,
}

/// One key with what is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: &'static Key,
    /// Its value as TOML; `[set]` for a secret; none where there is none.
    pub value: Option<String>,
    /// Who said so.
    pub from: Source,
    /// The file that a secret was read from.
    pub out_of: Option<PathBuf>,
}

/// What is shown of a secret.
const SET: &str = "[set]";

impl Config {
    /// Reads the configuration of this process.
    pub fn load(flags: &Flags) -> Result<Self, Error> {
        Self::read(&variables(), flags)
    }

    /// Reads the configuration: the file, under the environment, under the flags.
    pub fn read(variables: &[(String, String)], flags: &Flags) -> Result<Self, Error> {
        examine(variables, flags)?.config.map_err(Error::Config)
    }
}

/// The environment of this process. A variable that is no Unicode is none of ours.
pub fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Looks a configuration over: every problem at once.
pub fn examine(variables: &[(String, String)], flags: &Flags) -> Result<Examined, Error> {
    let variable = |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let home = data_folder(variable)?;
    let (file, named) = home::config_file(&home, flags.file.as_deref(), variable(CONFIG));
    let mut layers = Layers::default();
    layers.file(&file, named, &home);
    layers.environment(variables, &home);
    layers.flags(&flags.overrides, &home);
    let sound = sound_keys(&mut layers);
    let sections = Sections::deserialize(Value::Table(sound)).unwrap_or_default();
    let mail = check::check(&sections, &mut layers).unwrap_or_else(|| super::Mail::Outbox(home.join(super::OUTBOX)));
    let settings = KEYS.iter().map(|key| setting(key, &layers)).collect();
    let config = Config {
        mail: placed(mail, &home),
        master_key: master_key(&home, variable),
        home: home.clone(),
        file: file.clone(),
        server: sections.server,
        store: sections.store,
        log: super::Log { file: sections.log.file.map(|file| home.join(file)), ..sections.log },
        metrics: sections.metrics,
        telemetry: sections.telemetry,
        egress: sections.egress,
        retention: sections.retention.read(),
        backup: sections.backup.read(&home),
        limits: sections.limits,
    };
    let config = if layers.problems.is_empty() { Ok(config) } else { Err(layers.problems) };
    Ok(Examined { home, file, settings, warnings: layers.warnings, config })
}

/// The keys whose values make sense by themselves, as one table; the others are noted as problems.
fn sound_keys(layers: &mut Layers) -> Table {
    let mut sound = Table::new();
    let mut problems = Vec::new();
    for (path, said) in &layers.said {
        let mut alone = Table::new();
        put(&mut alone, path, said.value.clone());
        match Sections::deserialize(Value::Table(alone)) {
            Ok(_) => put(&mut sound, path, said.value.clone()),
            Err(error) => {
                let is_secret = KEYS.iter().any(|key| key.path == *path && key.secret);
                // What a parser says may quote the value.
                let reason = if is_secret { "the value does not make sense" } else { error.message().trim() };
                problems.push(Problem::new(Code::ConfigValue, said.by.clone(), format!("`{path}`: {reason}")));
            }
        }
    }
    layers.problems.extend(problems);
    sound
}

fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

fn placed(mail: super::Mail, home: &Path) -> super::Mail {
    match mail {
        super::Mail::Outbox(folder) => super::Mail::Outbox(home.join(folder)),
        server @ super::Mail::Smtp(_) => server,
    }
}

fn setting(key: &'static Key, layers: &Layers) -> Setting {
    let shown = |text: String| if key.secret { SET.to_owned() } else { text };
    match (layers.said.get(key.path), key.unsaid) {
        (Some(said), _) => Setting {
            key,
            value: Some(shown(said.value.to_string())),
            from: said.by.clone(),
            out_of: said.out_of.clone(),
        },
        (None, Unsaid::Default(value)) => {
            Setting { key, value: Some(value.to_owned()), from: Source::Default, out_of: None }
        }
        (None, Unsaid::Nothing(_)) => Setting { key, value: None, from: Source::Default, out_of: None },
    }
}

fn master_key(home: &Path, variable: impl Fn(&str) -> Option<String>) -> MasterKeySource {
    let set = |name| variable(name).filter(|value: &String| !value.is_empty());
    match (set(PASSPHRASE_FILE), set(PASSPHRASE)) {
        (Some(file), _) => MasterKeySource::PassphraseFile(PathBuf::from(file)),
        (None, Some(passphrase)) => MasterKeySource::Passphrase(Secret::new(passphrase)),
        (None, None) => MasterKeySource::automatic(home),
    }
}
