//! Segments as files.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

use connectors::vault::Key;
use intents::Timestamp;
use intents::canonical::Digest;
use serde_json::json;

use super::path_of;
use crate::sealed::{self, Header, Kind, Reader, Writer};
use crate::store::Error;
use crate::store::folder::{self, private, sync_folder};
use crate::store::piece::Piece;
use crate::store::rows::event;
use crate::store::tables::{Cell, Row};
use crate::store::{Keys, Table};

/// Events in one frame of a file.
const FRAME_EVENTS: usize = 1000;

/// The key that seals the archive: one of the store's own.
fn lock(keys: &Keys) -> Key {
    Key::new(blake3::derive_key("steward 2026-11 archive v1", &keys.payload))
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Folder { folder: path.to_owned(), reason: error.to_string() }
}

/// Events that follow each other, on their way into a file.
pub(in crate::store) struct Segment<'e> {
    pub(in crate::store) events: &'e [event::Model],
    pub(in crate::store) at: Timestamp,
}

impl Segment<'_> {
    /// Writes the file, durably; gives its name and its digest.
    pub(in crate::store) fn write(
        &self,
        folder: &Path,
        keys: &Keys,
        fresh: [u8; 32],
    ) -> Result<(String, Digest), Error> {
        let (first, last) = match self.events {
            [first, .., last] => (first.position, last.position),
            [only] => (only.position, only.position),
            [] => return Err(Error::unreadable("segment", "it has no events")),
        };
        let name = format!("events-{first:012}-{last:012}");
        let path = path_of(folder, &name);
        let parent = folder.join(super::FOLDER);
        folder::make(&parent)?;
        let part = path.with_extension("part");
        let written = self.write_to(&part, keys, fresh, (first, last));
        written.map_err(|error| failed(&path, &error))?;
        fs::rename(&part, &path).and_then(|()| sync_folder(&parent)).map_err(|error| failed(&path, &error))?;
        let digest = digest_of(&path).map_err(|error| failed(&path, &error))?;
        Ok((name, digest))
    }

    fn write_to(&self, part: &Path, keys: &Keys, fresh: [u8; 32], range: (i64, i64)) -> Result<(), sealed::Error> {
        let about = json!({ "first": range.0, "last": range.1 });
        let header = Header::new(Kind::Archive, self.at, about);
        let mut writer = Writer::begin(
            BufWriter::new(private().create(true).truncate(true).open(part)?),
            &lock(keys),
            fresh,
            header,
        )?;
        for events in self.events.chunks(FRAME_EVENTS) {
            writer.frame(&piece(events).to_bytes())?;
        }
        let (out, _) = writer.end(&[])?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(file.sync_all()?)
    }
}

/// Reads a segment back, page by page; the file must have this digest.
pub(in crate::store) fn read(
    folder: &Path,
    keys: &Keys,
    file: &str,
    digest: Digest,
    mut page: impl FnMut(Vec<event::Model>),
) -> Result<(), Error> {
    // The name comes from the database, and might lead elsewhere.
    if file.contains(['/', '\\']) {
        return Err(Error::unreadable("archive", format!("`{file}` is no name of a segment")));
    }
    let path = path_of(folder, file);
    if digest_of(&path).map_err(|error| failed(&path, &error))? != digest {
        return Err(Error::unreadable("archive", format!("`{file}` was changed")));
    }
    let input = File::open(&path).map_err(|error| failed(&path, &error))?;
    let opened = |error: sealed::Error| Error::unreadable("archive", format!("`{file}`: {error}"));
    let mut reader = Reader::open(BufReader::new(input), &lock(keys)).map_err(opened)?;
    while let Some(frame) = reader.next().map_err(opened)? {
        if !frame.is_empty() {
            page(events_of(Piece::from_bytes(&frame)?)?);
        }
    }
    Ok(())
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(Digest::from_bytes(*hasher.finalize().as_bytes())),
            length => hasher.update(&block[..length]),
        };
    }
}

fn piece(events: &[event::Model]) -> Piece {
    let text = |text: &Option<String>| text.clone().map_or(Cell::Null, Cell::Text);
    let columns = Table::Events.columns();
    let row = |event: &event::Model| -> Row {
        let cell = |name: &str| match name {
            "position" => Cell::Integer(event.position),
            "event_id" => Cell::Text(event.event_id.clone()),
            "workspace" => Cell::Text(event.workspace.clone()),
            "room" => Cell::Text(event.room.clone()),
            "stream_seq" => Cell::Integer(event.stream_seq),
            "type" => Cell::Text(event.kind.clone()),
            "actor" => Cell::Text(event.actor.clone()),
            "correlation_id" => text(&event.correlation_id),
            "causation_id" => text(&event.causation_id),
            "run" => text(&event.run),
            "data" => Cell::Text(event.data.clone()),
            "at" => Cell::Integer(event.at),
            "prev_hash" => Cell::Blob(event.prev_hash.clone()),
            "hash" => Cell::Blob(event.hash.clone()),
            other => unreachable!("an event has no column `{other}`"),
        };
        columns.iter().map(|column| cell(&column.name)).collect()
    };
    Piece { table: Table::Events.name().to_owned(), rows: events.iter().map(row).collect(), columns }
}

/// The events that a piece holds.
pub(in crate::store) fn events_of(piece: Piece) -> Result<Vec<event::Model>, Error> {
    let Piece { columns, rows, .. } = piece;
    let place = |name: &str| {
        let found = columns.iter().position(|column| column.name == name);
        found.ok_or_else(|| Error::unreadable("event", format!("it has no `{name}`")))
    };
    let names = ["position", "event_id", "workspace", "room", "stream_seq", "type", "actor", "correlation_id"];
    let more = ["causation_id", "run", "data", "at", "prev_hash", "hash"];
    let places = names.into_iter().chain(more).map(place).collect::<Result<Vec<_>, _>>()?;
    let event = |row: Row| {
        let mut cells = places.iter().map(|place| row[*place].clone());
        let mut next = || cells.next().expect("there are as many as were asked for");
        Ok(event::Model {
            position: integer(next())?,
            event_id: text(next())?,
            workspace: text(next())?,
            room: text(next())?,
            stream_seq: integer(next())?,
            kind: text(next())?,
            actor: text(next())?,
            correlation_id: optional(next())?,
            causation_id: optional(next())?,
            run: optional(next())?,
            data: text(next())?,
            at: integer(next())?,
            prev_hash: blob(next())?,
            hash: blob(next())?,
        })
    };
    rows.into_iter().map(event).collect()
}

fn another() -> Error {
    Error::unreadable("event", "a column holds something else than it should")
}

fn text(cell: Cell) -> Result<String, Error> {
    optional(cell)?.ok_or_else(another)
}

fn optional(cell: Cell) -> Result<Option<String>, Error> {
    match cell {
        Cell::Text(text) => Ok(Some(text)),
        Cell::Null => Ok(None),
        Cell::Integer(_) | Cell::Blob(_) => Err(another()),
    }
}

fn integer(cell: Cell) -> Result<i64, Error> {
    match cell {
        Cell::Integer(number) => Ok(number),
        Cell::Null | Cell::Text(_) | Cell::Blob(_) => Err(another()),
    }
}

fn blob(cell: Cell) -> Result<Vec<u8>, Error> {
    match cell {
        Cell::Blob(bytes) => Ok(bytes),
        Cell::Null | Cell::Text(_) | Cell::Integer(_) => Err(another()),
    }
}
