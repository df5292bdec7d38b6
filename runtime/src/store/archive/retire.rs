//! How events come into the archive, and leave the table.

use std::collections::BTreeMap;
use std::path::Path;

use intents::Timestamp;
use intents::canonical::Digest;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{Beginning, Checkpoint, Segment, beginning, read};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::event::{digest_of, link};
use crate::store::rows::{archived_head, event};
use crate::store::writer::Command;
use crate::store::{Error, Keys, Store};

/// Events in a segment: some megabytes in the table, some hundred kilobytes in the file.
const SEGMENT_EVENTS: usize = 20_000;
/// Events that leave the table in one commit: short enough that nobody waits for it.
const DELETED_MAX: i64 = 500;
/// Events that are read at once.
const PAGE: u64 = 2000;

/// What the archive has taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archived {
    /// Events that are in the archive now.
    pub events: u64,
    /// Events that have left the table.
    pub removed: u64,
}

/// Stores a checkpoint, and where the streams of its events stand.
struct Seal {
    checkpoint: Checkpoint,
    heads: BTreeMap<String, (i64, Vec<u8>)>,
}

impl Command for Seal {
    type Reply = ();
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        // The database refuses a segment that does not follow the last one.
        batch.tx.insert(&self.checkpoint.row()).await?;
        let head = |(room, (stream_seq, hash)): (&String, &(i64, Vec<u8>))| archived_head::Model {
            room: room.clone(),
            stream_seq: *stream_seq,
            hash: hash.clone(),
        };
        batch.tx.put_all(&self.heads.iter().map(head).collect::<Vec<_>>()).await.map(drop)
    }
}

/// Takes some events out of the table that are in the archive.
struct Retire {
    up_to: i64,
}

impl Command for Retire {
    type Reply = u64;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<u64, Error> {
        batch.tx.change(event::Entity::delete_many().filter(event::Column::Position.lte(self.up_to))).await
    }
}

impl Store {
    /// Brings one segment of events that are older than `before` into the archive, when there is a whole one; and takes
    /// out of the table what is in the archive. Says what it did; call again while there is more.
    pub async fn archive_events(&self, before: Timestamp) -> Result<Archived, Error> {
        self.archive_segment(before, SEGMENT_EVENTS).await
    }

    /// As [`archive_events`](Self::archive_events), with segments of another size.
    pub async fn archive_segment(&self, before: Timestamp, size: usize) -> Result<Archived, Error> {
        let from = beginning(self.reader(), &self.shared().keys.anchor).await?;
        if !from.genuine {
            return Err(Error::unreadable("archive", "its last checkpoint was not signed by this installation"));
        }
        let removed = self.retire(from.position).await?;
        let Some(events) = self.segment_after(from.position, before, size).await? else {
            return Ok(Archived { events: 0, removed });
        };
        let count = events.len() as u64;
        let (folder, keys, env) = (self.folder().to_owned(), self.shared().keys.clone(), self.shared().env.clone());
        let (at, fresh) = (env.now(), env.random_bytes());
        let sealed = tokio::task::spawn_blocking(move || seal(&folder, &keys, &events, from, at, fresh)).await;
        let seal = sealed.map_err(|_| Error::Closed)??;
        let up_to = seal.checkpoint.last;
        self.commit(seal).await?;
        Ok(Archived { events: count, removed: removed + self.retire(up_to).await? })
    }

    /// Takes out of the table what is in the archive, a little in each commit.
    async fn retire(&self, up_to: i64) -> Result<u64, Error> {
        let mut removed = 0;
        loop {
            let first = event::Entity::find().select_only().column(event::Column::Position);
            let first: Option<i64> = self.reader().tuple(first.order_by_asc(event::Column::Position)).await?;
            let Some(first) = first.filter(|first| *first <= up_to) else { return Ok(removed) };
            removed += self.commit(Retire { up_to: up_to.min(first + DELETED_MAX - 1) }).await?;
        }
    }

    /// The events of the next segment; none while it is not full of events that are old enough.
    async fn segment_after(
        &self,
        position: i64,
        before: Timestamp,
        size: usize,
    ) -> Result<Option<Vec<event::Model>>, Error> {
        let end = position + i64::try_from(size).expect("a segment has few events");
        let last = self.reader().one(event::Entity::find().filter(event::Column::Position.eq(end))).await?;
        if last.is_none_or(|last| last.at >= before.as_millis()) {
            return Ok(None);
        }
        let mut events: Vec<event::Model> = Vec::with_capacity(size);
        let mut after = position;
        while after < end {
            let page = event::Entity::find()
                .filter(event::Column::Position.gt(after))
                .filter(event::Column::Position.lte(end))
                .order_by_asc(event::Column::Position)
                .limit(PAGE);
            let page = self.reader().at_length().all(page).await?;
            let Some(reached) = page.last() else { break };
            after = reached.position;
            events.extend(page);
        }
        let whole = events.iter().zip(position + 1..).all(|(event, place)| event.position == place);
        if whole && events.len() == size {
            Ok(Some(events))
        } else {
            Err(Error::unreadable(
                "event",
                "events are missing, so they stay where they are; see `steward audit verify`",
            ))
        }
    }
}

/// Writes the file of a segment, reads it back, and signs what it holds.
fn seal(
    folder: &Path,
    keys: &Keys,
    events: &[event::Model],
    from: Beginning,
    at: Timestamp,
    fresh: [u8; 32],
) -> Result<Seal, Error> {
    let (file, digest) = Segment { events, at }.write(folder, keys, fresh)?;
    let mut chain = from.chain;
    let mut heads = BTreeMap::new();
    let mut count = 0;
    let mut same = true;
    read(folder, keys, &file, digest, |page| {
        for event in page {
            same &= events.get(count) == Some(&event);
            count += 1;
            chain = link(chain, digest_of(&event.hash).unwrap_or(Digest::from_bytes([0; 32])));
            heads.insert(event.room, (event.stream_seq, event.hash));
        }
    })?;
    if !same || count != events.len() {
        return Err(Error::unreadable("archive", format!("`{file}` does not hold what was written")));
    }
    let range = (from.position + 1, from.position + count as i64);
    let checkpoint = Checkpoint::unsigned(range, file, digest, chain, at);
    Ok(Seal { checkpoint: Checkpoint::sign(&keys.anchor, checkpoint), heads })
}
