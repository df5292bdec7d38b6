//! `files.delete`.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use cap_std::fs::Dir;
use intents::approval::Content;
use intents::canonical::Digest;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{self, Intent};
use super::approved::{self, Approved};
use super::write::in_background;
use crate::schema::{answer, definition, object};
use crate::{Call, Code, Error, Fault, Performed, Settlement, Tool};

/// Deletes a file.
pub struct FilesDelete {
    definition: Definition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    folder: String,
    path: String,
    if_digest: Option<Digest>,
}

/// What is to be deleted, and on which condition.
struct Deletion {
    root: Dir,
    path: PathBuf,
    if_digest: Option<Digest>,
    approved: Approved,
}

enum Deleted {
    Done(Value),
    NotFound,
    Conflict,
}

impl Default for FilesDelete {
    fn default() -> Self {
        let mut errors = super::read::failures(
            &[Code::FolderReadOnly, Code::FileSpecial, Code::FileUncertain, Code::ContentChanged],
            answer("not_found", "there is no such file"),
        );
        errors.push(answer("conflict", "the content of the file is not the expected one"));
        let definition = Definition {
            arguments: object(
                json!({ "folder": access::folder_schema(), "path": access::path_schema(), "if_digest": access::digest_schema() }),
                &["folder", "path"],
            ),
            result: object(json!({ "path": { "type": "string" } }), &["path"]),
            errors,
            example: json!({ "folder": "statements", "path": "2026-11.csv" }),
            ..definition("files.delete", "Deletes a file of a granted folder.", Kind::Effect(Identity::Natural))
        };
        Self { definition }
    }
}

/// What a call wants deleted.
fn plan(call: &Call) -> Result<Deletion, Error> {
    let arguments: Arguments = call.parse()?;
    let path = access::path(&arguments.path)?;
    Ok(Deletion {
        root: access::folder(call, &arguments.folder, Intent::Change)?,
        approved: Approved::of(call, &arguments.folder, &path),
        path,
        if_digest: arguments.if_digest,
    })
}

#[async_trait]
impl Tool for FilesDelete {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    async fn contents(&self, call: &Call) -> Result<Vec<Content>, Failure> {
        let looked = access::blocking(call, |call| {
            let arguments: Arguments = call.parse()?;
            Ok(vec![approved::content(call, &arguments.folder, &arguments.path)?])
        });
        looked.await.and_then(|looked| looked).map_err(|error: Error| error.to_failure())
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        Ok(match in_background(call, |call| plan(call)?.perform()).await? {
            Deleted::Done(result) => Performed::value(result),
            Deleted::NotFound => Performed::refused("not_found", "there is no such file", Value::Null),
            Deleted::Conflict => {
                Performed::refused("conflict", "the content of the file is not the expected one", Value::Null)
            }
        })
    }

    /// Gone is gone. A file that came to this name after we began is another file: nobody asked to delete it.
    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        let settled = in_background(call, |call| {
            let deletion = plan(call)?;
            let applied = Ok(Settlement::Applied(Outcome::Value(deletion.result())));
            match access::look(&deletion.root, &deletion.path)? {
                None => applied,
                Some(metadata) if access::changed_at(&metadata) > call.started_at => Ok(Settlement::Unknown),
                Some(_) => match deletion.perform()? {
                    Deleted::Done(_) | Deleted::NotFound => applied,
                    Deleted::Conflict => Ok(Settlement::NotApplied),
                },
            }
        });
        settled.await.map_err(|fault| fault.failure)
    }
}

impl Deletion {
    fn result(&self) -> Value {
        json!({ "path": self.path.to_string_lossy() })
    }

    fn perform(&self) -> Result<Deleted, Fault> {
        let nothing_done = |error: io::Error| Fault::from(access::failed(error));
        let (folder, name) = match access::parent(&self.root, &self.path, false) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Deleted::NotFound),
            Err(error) => return Err(nothing_done(error)),
        };
        match access::look(&folder, &name)? {
            None => return Ok(Deleted::NotFound),
            Some(metadata) if !metadata.is_file() => return Err(access::special().into()),
            Some(_) => {}
        }
        if let Some(expected) = self.if_digest
            && access::digest(&folder, &name)? != Some(expected)
        {
            return Ok(Deleted::Conflict);
        }
        self.approved.check(&folder, &name)?;
        match folder.remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Deleted::NotFound),
            Err(error) => return Err(nothing_done(error)),
        }
        access::sync_folder(&folder)
            .map_err(|_| Fault::uncertain(Code::FileUncertain, "the folder could not be made durable"))?;
        Ok(Deleted::Done(self.result()))
    }
}
