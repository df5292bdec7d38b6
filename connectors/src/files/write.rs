//! `files.write`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cap_std::fs::{Dir, OpenOptions};
use intents::canonical::Digest;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::FILE_BYTES_MAX;
use super::access::{self, Intent};
use crate::schema::{answer, definition, object};
use crate::{Call, Code, Error, Fault, Performed, Settlement, Tool, Touches};

/// Writes a file.
pub struct FilesWrite {
    definition: Definition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    folder: String,
    path: String,
    text: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    if_absent: bool,
    if_digest: Option<Digest>,
}

/// What is to be written where, and on which condition.
struct Writing {
    root: Dir,
    path: PathBuf,
    bytes: Vec<u8>,
    condition: Condition,
    /// Names the temporary file: the same for each performance of one effect, so that a crash leaves one at most.
    effect: Digest,
}

enum Condition {
    None,
    Absent,
    Content(Digest),
}

/// How a writing ended, apart from errors.
enum Written {
    Done(Value),
    /// The condition does not hold.
    Conflict(&'static str),
}

impl Default for FilesWrite {
    fn default() -> Self {
        let definition = Definition {
            arguments: object(
                json!({
                    "folder": access::folder_schema(),
                    "path": access::path_schema(),
                    "text": { "type": "string", "maxLength": FILE_BYTES_MAX },
                    "base64": { "type": "string", "maxLength": FILE_BYTES_MAX * 4 / 3 + 4, "contentEncoding": "base64" },
                    "if_absent": { "type": "boolean", "description": "Write only where nothing is yet." },
                    "if_digest": access::digest_schema()
                }),
                &["folder", "path"],
            ),
            result: object(
                json!({ "path": { "type": "string" }, "size": { "type": "integer", "minimum": 0 }, "digest": access::digest_schema() }),
                &["path", "size", "digest"],
            ),
            errors: super::read::failures(
                &[Code::FolderReadOnly, Code::FileSpecial, Code::FileTooLarge, Code::FileDiskFull, Code::FileUncertain],
                answer("conflict", "something is there already, or its content is not the expected one"),
            ),
            example: json!({ "folder": "reports", "path": "2026-11.md", "text": "# November\n" }),
            ..definition(
                "files.write",
                "Writes a file of a granted folder, whole or not at all; missing folders on the way are made.",
                Kind::Effect(Identity::Natural),
            )
        };
        Self { definition }
    }
}

/// What a call wants written.
fn writing(call: &Call) -> Result<Writing, Error> {
    let arguments: Arguments = call.parse()?;
    let invalid = |message: &str| Error::new(Code::ArgumentsInvalid, message);
    let bytes = match (arguments.text, arguments.base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(base64)) => STANDARD.decode(base64).map_err(|_| invalid("`base64` is not base64"))?,
        (Some(_), Some(_)) | (None, None) => return Err(invalid("a file is written from `text` or from `base64`")),
    };
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::new(Code::FileTooLarge, format!("a script writes at most {FILE_BYTES_MAX} bytes at once")));
    }
    let condition = match (arguments.if_absent, arguments.if_digest) {
        (false, None) => Condition::None,
        (true, None) => Condition::Absent,
        (false, Some(digest)) => Condition::Content(digest),
        (true, Some(_)) => return Err(invalid("a file cannot be absent and have a digest")),
    };
    Ok(Writing {
        root: access::folder(call, &arguments.folder, Intent::Change)?,
        path: access::path(&arguments.path)?,
        bytes,
        condition,
        effect: call.identity()?,
    })
}

#[async_trait]
impl Tool for FilesWrite {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn touches(&self, arguments: &Value) -> Touches {
        let Ok(arguments) = Arguments::deserialize(arguments) else { return Touches::default() };
        let digest = match (&arguments.text, &arguments.base64) {
            (Some(text), _) => Some(Digest::of(text.as_bytes())),
            (None, Some(base64)) => STANDARD.decode(base64).ok().map(|bytes| Digest::of(&bytes)),
            (None, None) => None,
        };
        let place = access::place(&arguments.folder, &arguments.path);
        let writes = place.map(|place| crate::Written { place, digest, from: None }).into_iter().collect();
        Touches { writes, ..Touches::default() }
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        match in_background(call, |call| writing(call)?.perform()).await? {
            Written::Done(result) => Ok(Performed::value(result)),
            Written::Conflict(why) => Ok(Performed::refused("conflict", why, Value::Null)),
        }
    }

    /// The content that was to be written is there: it was written, or there is no difference. Else it is written
    /// (again), unless somebody changed the file since we began: that change is not ours to undo.
    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        let settled = in_background(call, |call| {
            let writing = writing(call)?;
            let wanted = Digest::of(&writing.bytes);
            let before = |error| Fault::from(error);
            if access::digest(&writing.root, &writing.path).map_err(before)? == Some(wanted) {
                return Ok(Settlement::Applied(Outcome::Value(writing.result())));
            }
            let there = access::look(&writing.root, &writing.path).map_err(before)?;
            if there.is_some_and(|metadata| access::changed_at(&metadata) > call.started_at) {
                return Ok(Settlement::Unknown);
            }
            match writing.perform()? {
                Written::Done(result) => Ok(Settlement::Applied(Outcome::Value(result))),
                // What stands in the way is older than our attempt, and is not what we would have written.
                Written::Conflict(_) => Ok(Settlement::NotApplied),
            }
        });
        settled.await.map_err(|fault| fault.failure)
    }
}

/// Runs the work of an effect. Once it was handed over, running out of time proves nothing.
pub(super) async fn in_background<T: Send + 'static>(
    call: &Call,
    work: impl FnOnce(&Call) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    match access::blocking(call, work).await {
        Ok(result) => result,
        Err(error) => Err(Fault::uncertain(Code::FileUncertain, error.to_string())),
    }
}

impl Writing {
    fn result(&self) -> Value {
        json!({ "path": self.path.to_string_lossy(), "size": self.bytes.len(), "digest": Digest::of(&self.bytes) })
    }

    fn perform(&self) -> Result<Written, Fault> {
        let nothing_done = |error: io::Error| Fault::from(access::failed(error));
        let (folder, name) = access::parent(&self.root, &self.path, true).map_err(nothing_done)?;
        match &self.condition {
            Condition::Content(expected) if access::digest(&folder, &name)? != Some(*expected) => {
                return Ok(Written::Conflict("the content of the file is not the expected one"));
            }
            Condition::None | Condition::Absent | Condition::Content(_) => {}
        }
        match access::look(&folder, &name)? {
            Some(_) if matches!(self.condition, Condition::Absent) => return Ok(Written::Conflict(TAKEN)),
            // A link would be replaced, a folder cannot be.
            Some(metadata) if !metadata.is_file() => return Err(access::special().into()),
            Some(_) | None => {}
        }
        let temporary = PathBuf::from(format!("{}{}", access::TEMPORARY_PREFIX, &self.effect.to_string()[..32]));
        let placed =
            write_temporary(&folder, &temporary, &self.bytes).and_then(|()| self.place(&folder, &temporary, &name));
        if !matches!(placed, Ok(true)) {
            // Whatever went wrong, the name was not taken; a leftover is harmless and replaced by the next try.
            folder.remove_file(&temporary).or_else(ignore_missing).map_err(nothing_done)?;
        }
        if !placed.map_err(nothing_done)? {
            return Ok(Written::Conflict(TAKEN));
        }
        // From here on the file is there, though a power cut may still take it away.
        access::sync_folder(&folder)
            .map_err(|_| Fault::uncertain(Code::FileUncertain, "the folder could not be made durable"))?;
        Ok(Written::Done(self.result()))
    }

    /// Gives the temporary file its name in one step; `false` if the name is taken and must not be.
    fn place(&self, folder: &Dir, temporary: &Path, name: &Path) -> io::Result<bool> {
        match self.condition {
            Condition::None | Condition::Content(_) => folder.rename(temporary, folder, name).map(|()| true),
            Condition::Absent => super::movement::rename_to_free_name(folder, temporary, folder, name),
        }
    }
}

const TAKEN: &str = "something is there already";

fn write_temporary(folder: &Dir, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    folder.remove_file(temporary).or_else(ignore_missing)?;
    let mut file = folder.open_with(temporary, OpenOptions::new().write(true).create_new(true))?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
