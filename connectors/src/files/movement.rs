//! `files.move`.

use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cap_std::fs::{Dir, MetadataExt, OpenOptions};
use intents::approval::Content;
use intents::canonical::Digest;
use intents::outcome::{Failure, Outcome};
use intents::tool::{Definition, Identity, Kind};
use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::{self, Intent};
use super::approved::{self, Approved};
use super::write::{ignore_missing, in_background};
use crate::schema::{answer, definition, object};
use crate::{Call, Code, Error, Fault, Performed, Settlement, Tool, Touches, Written};

/// Moves a file.
pub struct FilesMove {
    definition: Definition,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    folder: String,
    from: String,
    to: String,
    to_folder: Option<String>,
}

/// What is to be moved where.
struct Move {
    from_root: Dir,
    from: PathBuf,
    to_root: Dir,
    to: PathBuf,
    effect: Digest,
    approved: Approved,
}

enum Moved {
    Done(Value),
    NotFound,
    Conflict,
}

impl Default for FilesMove {
    fn default() -> Self {
        let mut errors = super::read::failures(
            &[Code::FolderReadOnly, Code::FileSpecial, Code::FileDiskFull, Code::FileUncertain, Code::ContentChanged],
            answer("not_found", "there is no such file"),
        );
        errors.push(answer("conflict", "something has the new name already"));
        let definition = Definition {
            arguments: object(
                json!({
                    "folder": access::folder_schema(),
                    "from": access::path_schema(),
                    "to": access::path_schema(),
                    "to_folder": access::folder_schema()
                }),
                &["folder", "from", "to"],
            ),
            result: object(json!({ "path": { "type": "string" } }), &["path"]),
            errors,
            example: json!({ "folder": "statements", "from": "2026-11.csv", "to": "done/2026-11.csv" }),
            ..definition(
                "files.move",
                "Moves a file to a name that is free, in the same or another granted folder.",
                Kind::Effect(Identity::Natural),
            )
        };
        Self { definition }
    }
}

/// What a call wants moved.
fn plan(call: &Call) -> Result<Move, Error> {
    let arguments: Arguments = call.parse()?;
    let to_folder = arguments.to_folder.as_deref().unwrap_or(&arguments.folder);
    let from = access::path(&arguments.from)?;
    Ok(Move {
        from_root: access::folder(call, &arguments.folder, Intent::Change)?,
        approved: Approved::of(call, &arguments.folder, &from),
        from,
        to_root: access::folder(call, to_folder, Intent::Change)?,
        to: access::path(&arguments.to)?,
        effect: call.identity()?,
    })
}

#[async_trait]
impl Tool for FilesMove {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn touches(&self, arguments: &Value) -> Touches {
        let Ok(arguments) = Arguments::deserialize(arguments) else { return Touches::default() };
        let to_folder = arguments.to_folder.as_deref().unwrap_or(&arguments.folder);
        let written = access::place(to_folder, &arguments.to).map(|place| Written {
            place,
            digest: None,
            from: access::place(&arguments.folder, &arguments.from),
        });
        Touches { writes: written.into_iter().collect(), ..Touches::default() }
    }

    async fn contents(&self, call: &Call) -> Result<Vec<Content>, Failure> {
        let looked = access::blocking(call, |call| {
            let arguments: Arguments = call.parse()?;
            Ok(vec![approved::content(call, &arguments.folder, &arguments.from)?])
        });
        looked.await.and_then(|looked| looked).map_err(|error: Error| error.to_failure())
    }

    async fn perform(&self, call: &Call) -> Result<Performed, Fault> {
        Ok(match in_background(call, |call| plan(call)?.perform()).await? {
            Moved::Done(result) => Performed::value(result),
            Moved::NotFound => Performed::refused("not_found", "there is no such file", Value::Null),
            Moved::Conflict => Performed::refused("conflict", "something has the new name already", Value::Null),
        })
    }

    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        in_background(call, |call| plan(call)?.settle()).await.map_err(|fault| fault.failure)
    }
}

impl Move {
    fn result(&self) -> Value {
        json!({ "path": self.to.to_string_lossy() })
    }

    fn perform(&self) -> Result<Moved, Fault> {
        let nothing_done = |error: io::Error| Fault::from(access::failed(error));
        let (from_folder, from) = match access::parent(&self.from_root, &self.from, false) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Moved::NotFound),
            Err(error) => return Err(nothing_done(error)),
        };
        match access::look(&from_folder, &from)? {
            None => return Ok(Moved::NotFound),
            Some(metadata) if !metadata.is_file() => return Err(access::special().into()),
            Some(_) => {}
        }
        self.approved.check(&from_folder, &from)?;
        let (to_folder, to) = access::parent(&self.to_root, &self.to, true).map_err(nothing_done)?;
        let moved = match rename_to_free_name(&from_folder, &from, &to_folder, &to) {
            Ok(moved) => moved,
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.copy(&from_folder, &from, &to_folder, &to)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Moved::NotFound),
            Err(error) => return Err(nothing_done(error)),
        };
        if !moved {
            return Ok(Moved::Conflict);
        }
        self.keep_approved(&from_folder, &from, &to_folder, &to)?;
        self.make_durable(&from_folder, &to_folder)?;
        Ok(Moved::Done(self.result()))
    }

    /// Another file may have come under the old name between the look and the move: what was moved is looked at once
    /// more, and goes back where it is not what was approved.
    fn keep_approved(&self, from_folder: &Dir, from: &Path, to_folder: &Dir, to: &Path) -> Result<(), Fault> {
        if !self.approved.is_asked() || self.approved.check(to_folder, to).is_ok() {
            return Ok(());
        }
        match rename_to_free_name(to_folder, to, from_folder, from) {
            Ok(true) => Err(approved::changed().into()),
            Ok(false) | Err(_) => {
                Err(Fault::uncertain(Code::FileUncertain, "another file than the approved one was moved"))
            }
        }
    }

    fn make_durable(&self, from: &Dir, to: &Dir) -> Result<(), Fault> {
        // The new name first: a power cut in between leaves two names, never none.
        access::sync_folder(to)
            .and_then(|()| access::sync_folder(from))
            .map_err(|_| Fault::uncertain(Code::FileUncertain, "the folders could not be made durable"))
    }

    /// Between file systems a move is a copy that gets its name in one step, then the removal of the original.
    fn copy(&self, from_folder: &Dir, from: &Path, to_folder: &Dir, to: &Path) -> Result<bool, Fault> {
        let nothing_done = |error: io::Error| Fault::from(access::failed(error));
        let temporary = PathBuf::from(format!("{}{}", access::TEMPORARY_PREFIX, &self.effect.to_string()[..32]));
        let placed = copy_contents(from_folder, from, to_folder, &temporary)
            .and_then(|()| rename_to_free_name(to_folder, &temporary, to_folder, to));
        if !matches!(placed, Ok(true)) {
            to_folder.remove_file(&temporary).or_else(ignore_missing).map_err(nothing_done)?;
            return placed.map_err(nothing_done);
        }
        access::sync_folder(to_folder).and_then(|()| from_folder.remove_file(from)).map_err(|_| {
            Fault::uncertain(Code::FileUncertain, "the copy is there, the original could not be removed")
        })?;
        Ok(true)
    }

    /// Both names with one content is a move that was cut off before the original went.
    fn settle(&self) -> Result<Settlement, Fault> {
        let from = access::digest(&self.from_root, &self.from)?;
        let to = access::digest(&self.to_root, &self.to)?;
        match (from, to) {
            (None, Some(_)) => Ok(self.applied()),
            (Some(one), Some(other)) if one == other => self.finish(),
            (Some(_), Some(_)) => Ok(Settlement::NotApplied),
            (Some(_), None) => match self.perform() {
                Ok(Moved::Done(result)) => Ok(Settlement::Applied(Outcome::Value(result))),
                Ok(Moved::NotFound | Moved::Conflict) => Ok(Settlement::Unknown),
                // Neither was it moved before, nor may what is there now be.
                Err(fault) if fault.failure.code == Code::ContentChanged.as_str() => Ok(Settlement::NotApplied),
                Err(fault) => Err(fault),
            },
            // It was moved, and then taken from there; or it never was here.
            (None, None) => Ok(Settlement::Unknown),
        }
    }

    fn finish(&self) -> Result<Settlement, Fault> {
        let nothing_done = |error: io::Error| Fault::from(access::failed(error));
        let (from_folder, from) = access::parent(&self.from_root, &self.from, false).map_err(nothing_done)?;
        let (to_folder, to) = access::parent(&self.to_root, &self.to, false).map_err(nothing_done)?;
        let one = from_folder.symlink_metadata(&from).map_err(nothing_done)?;
        let other = to_folder.symlink_metadata(&to).map_err(nothing_done)?;
        // One file under both names was not left by us: we rename, or we copy. And where both names are one, since the
        // file system does not tell `a` from `A`, removing the one would lose the file.
        if (one.dev(), one.ino()) == (other.dev(), other.ino()) {
            return Ok(Settlement::NotApplied);
        }
        from_folder.remove_file(&from).map_err(nothing_done)?;
        self.make_durable(&from_folder, &to_folder)?;
        Ok(self.applied())
    }

    fn applied(&self) -> Settlement {
        Settlement::Applied(Outcome::Value(self.result()))
    }
}

fn copy_contents(from_folder: &Dir, from: &Path, to_folder: &Dir, temporary: &Path) -> io::Result<()> {
    let mut source = from_folder.open(from)?;
    to_folder.remove_file(temporary).or_else(ignore_missing)?;
    let mut copy = to_folder.open_with(temporary, OpenOptions::new().write(true).create_new(true))?;
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}

/// Renames in one step, unless the new name is taken: then nothing happens, and this is `false`.
///
/// Both names are plain names in their folders, so no link is followed.
pub(super) fn rename_to_free_name(from_folder: &Dir, from: &Path, to_folder: &Dir, to: &Path) -> io::Result<bool> {
    match renameat_with(from_folder, from, to_folder, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // Some file systems cannot; there a look beforehand has to do.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => match to_folder.symlink_metadata(to) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                from_folder.rename(from, to_folder, to).map(|()| true)
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error.into()),
    }
}
