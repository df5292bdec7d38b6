//! `steward automations import` and `export`.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use intents::contract::parse_exact;
use serde_json::{Value, json};

use super::automations;
use crate::api::{ExportView, ImportView};
use crate::cli::args::Import;
use crate::cli::client::{Client, shaped};
use crate::cli::exit::Exit;
use crate::cli::out::{Out, confirmed};
use crate::cli::progress::Progress;
use crate::error::{Code, Error};
use crate::ops::{FolderGrant, Trust};

const CONTRACT: &str = "contract.json";
const SCRIPT: &str = "script.js";
const MANIFEST: &str = "manifest.json";
/// Recorded cases for the trial.
const RECORDINGS: &str = "recordings.json";
/// Nothing in such a folder is longer.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Brings an automation in: shows its card, asks, and does it.
pub(super) async fn import(client: &Client, command: Import, out: &mut Out) -> Result<Exit, Error> {
    let contract = json_file(&command.dir.join(CONTRACT))?;
    let manifest = manifest(&command.dir)?;
    let name = match command.name {
        Some(name) => name,
        None => name_of(&command.dir, &manifest)?,
    };
    let folders = folders(&command.folders)?;
    let mut whole = json!({ "name": name, "contract": contract, "folders": folders, "shadow": command.shadow });
    let (script, engine) = (command.dir.join(SCRIPT), &manifest["engine"]);
    if script.exists() || engine.is_null() {
        whole["script"] = read(&script)?.into();
    }
    if !engine.is_null() {
        whole["engine"] = engine.clone();
    }
    if let Some(recordings) = recordings(&command.dir)? {
        whole["recordings"] = recordings;
    }
    let body = |confirm: bool| {
        let mut body = whole.clone();
        body["confirm"] = confirm.into();
        body
    };

    let checking = Progress::begin("Checking the contract, and trying the script out …");
    let answer = client.post(&["v1", "automations"], body(false)).await?;
    drop(checking);
    let preview: ImportView = shaped(&answer)?;
    if !command.yes {
        if out.is_json() {
            out.value(&answer);
            return Ok(Exit::Refused);
        }
        out.line(&preview.card.words.text);
        if let Some(engine) = &preview.card.engine {
            out.line(format!(
                "Executed by the engine `{engine}` outside: Steward enforces the contract, but knows nothing of what the \
                 engine does between its calls, can prove nothing of it, and cannot replay its runs."
            ));
        }
        if let Some(trial) = &preview.card.trial {
            out.line(format!("Trial: {}", trial.sheet.line));
            for finding in &trial.sheet.findings {
                out.line(format!("  {}: {}", finding.code, finding.words));
            }
        }
        out.line(match preview.card.change.as_str() {
            "new" => "This automation is new.",
            "contract" => "An automation of this name is there; its contract changes.",
            "script" => "An automation of this name is there; its script changes, its contract stays.",
            _ => "This automation is there already; nothing changes.",
        });
        if command.shadow {
            out.line("It will be in shadow: what it would do outside is noted, and not done, until you activate it.");
        }
        let unasked =
            || Error::new(Code::ConfirmationNeeded, "nobody confirmed the card; run the command again with `--yes`");
        if !confirmed("Is this what you want?").ok_or_else(unasked)? {
            out.line("Nothing was changed.");
            return Ok(Exit::Refused);
        }
    }
    let answer = client.post(&["v1", "automations"], body(true)).await?;
    if out.is_json() {
        out.value(&answer);
        return Ok(Exit::Success);
    }
    let imported: ImportView = shaped(&answer)?;
    if let Some(automation) = imported.automation {
        out.line(format!(
            "`{}` is in ({}), and {}.",
            automation.name,
            imported.card.change,
            automations::mode(&automation)
        ));
        for line in &imported.card.words.when {
            out.line(format!("  When: {line}"));
        }
    }
    Ok(Exit::Success)
}

/// What is to be tried of a folder; none when the text names no folder of an automation.
pub(super) fn draft(which: &str) -> Result<Option<Value>, Error> {
    let dir = Path::new(which);
    if !dir.join(CONTRACT).exists() {
        return Ok(None);
    }
    let mut draft = json!({ "contract": json_file(&dir.join(CONTRACT))?, "script": read(&dir.join(SCRIPT))? });
    if let Some(recordings) = recordings(dir)? {
        draft["recordings"] = recordings;
    }
    Ok(Some(draft))
}

/// The recorded cases of a folder; none when it has none.
fn recordings(dir: &Path) -> Result<Option<Value>, Error> {
    let file = dir.join(RECORDINGS);
    if file.exists() { json_file(&file).map(Some) } else { Ok(None) }
}

/// The source of a script.
pub(super) fn script_file(path: &Path) -> Result<String, Error> {
    read(path)
}

/// Writes an automation into a folder.
pub(super) async fn export(client: &Client, name: &str, dir: &Path, force: bool, out: &mut Out) -> Result<Exit, Error> {
    let answer = client.get(&["v1", "automations", name, "export"]).await?;
    let export: ExportView = shaped(&answer)?;
    fs::create_dir_all(dir).map_err(|error| unreadable(dir, &error.to_string()))?;
    let pretty = |value: &Value| format!("{value:#}\n");
    let mut files = vec![(CONTRACT, pretty(&export.contract)), (MANIFEST, pretty(&export.manifest))];
    files.extend(export.script.map(|script| (SCRIPT, script)));
    for (file, text) in files {
        let path = dir.join(file);
        let mut options = OpenOptions::new();
        options.write(true).create(force).truncate(force).create_new(!force);
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                unreadable(&path, "it is there already; use `--force` to write over it")
            } else {
                unreadable(&path, &error.to_string())
            }
        })?;
    }
    if out.is_json() {
        out.value(&answer);
    } else {
        out.line(format!("`{name}` is in `{}`.", dir.display()));
    }
    Ok(Exit::Success)
}

fn folders(given: &[String]) -> Result<BTreeMap<String, FolderGrant>, Error> {
    let folder = |text: &String| {
        let malformed = || Error::new(Code::InputMalformed, format!("`--folder {text}`: write NAME=PATH"));
        let (name, path) = text.split_once('=').ok_or_else(malformed)?;
        Ok((name.to_owned(), FolderGrant { path: absolute(Path::new(path))?, trust: Trust::Trusted }))
    };
    given.iter().map(folder).collect()
}

/// A path as the server needs it: it is not where we are.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| unreadable(path, &error.to_string()))
}

/// Reads a JSON file in which nothing is said twice.
pub(super) fn json_file(path: &Path) -> Result<Value, Error> {
    let text = read(path)?;
    let malformed = |reason: String| {
        Error::Contract(vec![intents::contract::Problem {
            code: "CONTRACT_NOT_JSON",
            pointer: String::new(),
            message: format!("`{}`: {reason}", path.display()),
        }])
    };
    parse_exact(&text).map_err(|error| malformed(error.reason()))
}

fn read(path: &Path) -> Result<String, Error> {
    let length = fs::metadata(path).map_err(|error| unreadable(path, &error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(unreadable(path, &format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| unreadable(path, "it is not UTF-8 text"))
}

fn unreadable(path: &Path, reason: &str) -> Error {
    Error::new(Code::FileUnreadable, format!("`{}`: {reason}", path.display()))
}

/// The manifest of a folder; nothing when it has none.
fn manifest(dir: &Path) -> Result<Value, Error> {
    let manifest = dir.join(MANIFEST);
    if manifest.exists() { json_file(&manifest) } else { Ok(Value::Null) }
}

fn name_of(dir: &Path, manifest: &Value) -> Result<String, Error> {
    if let Some(name) = manifest["name"].as_str() {
        return Ok(name.to_owned());
    }
    let name = absolute(dir)?.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    Ok(name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect())
}
