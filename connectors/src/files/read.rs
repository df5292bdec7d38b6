//! `files.read`.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cap_std::fs::Dir;
use intents::canonical::Digest;
use intents::tool::{DeclaredError, Definition, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::FILE_BYTES_MAX;
use super::access::{self, Intent};
use crate::schema::{answer, definition, failure, object};
use crate::{Call, Code, Error, Fault, Performed, Tool, Touches};

/// Reads a file.
pub struct FilesRead {
    definition: Definition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    folder: String,
    path: String,
    #[serde(default, rename = "as")]
    form: Form,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Text,
    Base64,
}

impl Default for FilesRead {
    fn default() -> Self {
        let definition = Definition {
            arguments: object(
                json!({
                    "folder": access::folder_schema(),
                    "path": access::path_schema(),
                    "as": { "type": "string", "enum": ["text", "base64"], "description": "text, unless bytes are asked for." }
                }),
                &["folder", "path"],
            ),
            result: object(
                json!({
                    "path": { "type": "string" },
                    "text": { "type": "string", "description": "The content, without a byte order mark." },
                    "base64": { "type": "string" },
                    "size": { "type": "integer", "minimum": 0 },
                    "modified": { "type": "string", "format": "date-time" },
                    "digest": access::digest_schema()
                }),
                &["path", "size", "modified", "digest"],
            ),
            errors: failures(
                &[Code::FileSpecial, Code::FileTooLarge, Code::FileNotText],
                answer("not_found", "there is no such file"),
            ),
            label: Some("folder:{/folder}".to_owned()),
            example: json!({ "folder": "statements", "path": "2026-11.csv" }),
            ..definition("files.read", "Reads a file of a granted folder.", Kind::Read)
        };
        Self { definition }
    }
}

#[async_trait]
impl Tool for FilesRead {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn touches(&self, arguments: &Value) -> Touches {
        let Ok(arguments) = Arguments::deserialize(arguments) else { return Touches::default() };
        let reads = access::place(&arguments.folder, &arguments.path).into_iter().collect();
        Touches { reads, ..Touches::default() }
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        let arguments: Arguments = call.parse()?;
        let label = format!("folder:{}", arguments.folder);
        match access::blocking(call, move |call| {
            read(&access::folder(call, &arguments.folder, Intent::Read)?, &arguments)
        })
        .await?
        {
            Ok(result) => Ok(Performed::value(result).labelled(label)),
            Err(error) if access::is_missing(&error) => {
                Ok(Performed::refused("not_found", "there is no such file", Value::Null).labelled(label))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn read(root: &Dir, arguments: &Arguments) -> Result<Value, Error> {
    let path = access::path(&arguments.path)?;
    let (bytes, metadata) = access::contents(root, &path, FILE_BYTES_MAX)?;
    let mut result = json!({
        "path": path.to_string_lossy(),
        "size": bytes.len(),
        "modified": access::modified_at(&metadata).to_string(),
        "digest": Digest::of(&bytes)
    });
    match arguments.form {
        Form::Text => result["text"] = Value::from(text(&bytes)?),
        Form::Base64 => result["base64"] = Value::from(STANDARD.encode(&bytes)),
    }
    Ok(result)
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    std::str::from_utf8(&bytes[start..]).map_err(|error| {
        let at = start + error.valid_up_to();
        Error::new(Code::FileNotText, format!("the file is not UTF-8 text from byte {at}; read it `as: \"base64\"`"))
    })
}

/// What every tool of this folder can fail with, and more.
pub(super) fn failures(more: &[Code], not_found: DeclaredError) -> Vec<DeclaredError> {
    let shared = [
        Code::ArgumentsInvalid,
        Code::FolderUnknown,
        Code::FolderMissing,
        Code::PathInvalid,
        Code::PathOutside,
        Code::FileDenied,
        Code::FileFailed,
        Code::ConnectorInternal,
    ];
    std::iter::once(not_found).chain(shared.into_iter().chain(more.iter().copied()).map(failure)).collect()
}
