//! `files.list`.

use async_trait::async_trait;
use cap_std::fs::Dir;
use intents::tool::{Definition, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{self, Intent};
use crate::schema::{answer, definition, object};
use crate::{Call, Code, Error, Fault, Performed, Tool, Touches};

/// A folder with more entries is a database; a script could not hold the list anyway.
const ENTRIES_MAX: usize = 5_000;

/// Lists a folder.
pub struct FilesList {
    definition: Definition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    folder: String,
    path: Option<String>,
    #[serde(rename = "match")]
    pattern: Option<String>,
}

impl Default for FilesList {
    fn default() -> Self {
        let entry = object(
            json!({
                "name": { "type": "string" },
                "path": { "type": "string", "description": "Relative to the granted folder." },
                "kind": { "type": "string", "enum": ["file", "folder", "other"] },
                "size": { "type": "integer", "minimum": 0 },
                "modified": { "type": "string", "format": "date-time" }
            }),
            &["name", "path", "kind", "size", "modified"],
        );
        let definition = Definition {
            arguments: object(
                json!({
                    "folder": access::folder_schema(),
                    "path": access::path_schema(),
                    "match": { "type": "string", "minLength": 1, "maxLength": 255, "description": "A pattern for names: `*` any characters, `?` one." }
                }),
                &["folder"],
            ),
            result: object(
                json!({
                    "entries": { "type": "array", "items": entry, "description": "Sorted by name." },
                    "left_out": { "type": "integer", "minimum": 0, "description": "Entries whose names are not text." }
                }),
                &["entries", "left_out"],
            ),
            errors: super::read::failures(
                &[Code::FolderTooLarge],
                answer("not_found", "there is no such folder in the granted one"),
            ),
            label: Some("folder:{/folder}".to_owned()),
            example: json!({ "folder": "statements", "match": "*.csv" }),
            ..definition("files.list", "Lists what is in a granted folder.", Kind::Read)
        };
        Self { definition }
    }
}

#[async_trait]
impl Tool for FilesList {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn touches(&self, arguments: &Value) -> Touches {
        let Ok(arguments) = Arguments::deserialize(arguments) else { return Touches::default() };
        Touches { lists: vec![arguments.folder], ..Touches::default() }
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let arguments: Arguments = call.parse()?;
        let label = format!("folder:{}", arguments.folder);
        let listed = access::blocking(call, move |call| {
            list(&access::folder(call, &arguments.folder, Intent::Read)?, &arguments)
        })
        .await?;
        match listed {
            Ok(result) => Ok(Performed::value(result).labelled(label)),
            Err(error) if access::is_missing(&error) => {
                Ok(Performed::refused("not_found", "there is no such folder", Value::Null).labelled(label))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn list(root: &Dir, arguments: &Arguments) -> Result<Value, Error> {
    let inner = arguments.path.as_deref().map(access::path).transpose()?;
    let folder = match &inner {
        Some(path) => root.open_dir(path).map_err(access::failed)?,
        None => root.try_clone().map_err(access::failed)?,
    };
    let mut entries = Vec::new();
    let mut left_out = 0_u32;
    for entry in folder.entries().map_err(access::failed)? {
        let entry = entry.map_err(access::failed)?;
        let Ok(name) = entry.file_name().into_string() else {
            left_out += 1;
            continue;
        };
        if name.starts_with(access::TEMPORARY_PREFIX)
            || !arguments.pattern.as_ref().is_none_or(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
        {
            continue;
        }
        if entries.len() == ENTRIES_MAX {
            let message = format!("more than {ENTRIES_MAX} entries; narrow the list with `match` or `path`");
            return Err(Error::new(Code::FolderTooLarge, message));
        }
        // An entry that vanished since the folder was read is not there.
        let Some(metadata) = access::look(&folder, name.as_ref())? else { continue };
        let kind = match (metadata.is_file(), metadata.is_dir()) {
            (true, _) => "file",
            (false, true) => "folder",
            (false, false) => "other",
        };
        let path = match &inner {
            Some(inner) => inner.join(&name).to_string_lossy().into_owned(),
            None => name.clone(),
        };
        let modified = access::modified_at(&metadata).to_string();
        entries.push((
            name.clone(),
            json!({ "name": name, "path": path, "kind": kind, "size": metadata.len(), "modified": modified }),
        ));
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    let entries: Vec<_> = entries.into_iter().map(|(_, entry)| entry).collect();
    Ok(json!({ "entries": entries, "left_out": left_out }))
}

/// Whether a name fits a pattern of `*` and `?`. Time is bounded by the product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                n += 1;
                // One character, however many bytes it has.
                while name.get(n).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    n += 1;
                }
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
            }
            Some(_) | None => match retry {
                Some((after_star, start)) => {
                    p = after_star;
                    n = start + 1;
                    retry = Some((after_star, n));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.bak", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbY", false),
            ("?.csv", "é.csv", true),
            ("?.csv", "ab.csv", false),
            ("2026-??-*", "2026-11-statement.csv", true),
            ("", "a", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), fits, "{pattern} {name}");
        }
        assert!(!matches("*a".repeat(100).as_bytes(), "b".repeat(200).as_bytes()));
    }
}
