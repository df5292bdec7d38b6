//! The event streams: what changed, in order, chained by hashes so that no change of the past goes unseen.

use intents::Timestamp;
use intents::canonical::{self, Digest};
use intents::id::{AutomationId, EventId, RoomId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

use super::batch::{self, Head};
use super::db::{Queries, Tx};
use super::rows::event as row;
use super::{Error, Store, archive};

/// The only workspace there is until several are supported.
const WORKSPACE: &str = "main";
/// The hash before the first event of a stream.
const GENESIS: Digest = Digest::from_bytes([0; 32]);

/// The room of what concerns no single automation; its stream, read as a whole, is that of everything.
pub const WORKSPACE_ROOM: RoomId = RoomId::ZERO;

/// The room of an automation.
pub fn room_of(automation: AutomationId) -> RoomId {
    RoomId::from_ulid(automation.ulid())
}

/// An event about to be appended.
pub(super) struct NewEvent {
    pub(super) room: RoomId,
    pub(super) kind: &'static str,
    pub(super) actor: String,
    pub(super) run: Option<String>,
    pub(super) cause: Option<String>,
    pub(super) data: Value,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its place among all events.
    pub position: i64,
    /// Its id.
    pub id: String,
    /// The room of its stream.
    pub room: String,
    /// Its place in its stream, from 1.
    pub seq: i64,
    /// What happened: `run.succeeded`.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// What it belongs to.
    pub correlation_id: Option<String>,
    /// What caused it.
    pub causation_id: Option<String>,
    /// The run it is about.
    pub run: Option<String>,
    /// Ids, states and digests; never content.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

pub(super) async fn head_of(tx: &Tx<'_>, room: RoomId) -> Result<Head, Error> {
    Ok(match batch::last_in_room(tx, room).await? {
        Some(row) => Head { seq: row.stream_seq, hash: digest_of(&row.hash)? },
        None => match archive::head_of(tx, &room.to_string()).await? {
            Some((seq, hash)) => Head { seq, hash },
            None => Head { seq: 0, hash: GENESIS },
        },
    })
}

pub(super) fn digest_of(bytes: &[u8]) -> Result<Digest, Error> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| Error::unreadable("hash", "it has not 32 bytes"))
}

pub(super) fn row(new: &NewEvent, id: EventId, position: i64, head: Head, now: Timestamp) -> row::Model {
    let mut row = row::Model {
        position,
        event_id: id.to_string(),
        workspace: WORKSPACE.to_owned(),
        room: new.room.to_string(),
        stream_seq: head.seq + 1,
        kind: new.kind.to_owned(),
        actor: new.actor.clone(),
        correlation_id: new.cause.clone(),
        causation_id: new.cause.clone(),
        run: new.run.clone(),
        data: canonical::to_string(&new.data),
        at: now.as_millis(),
        prev_hash: head.hash.as_bytes().to_vec(),
        hash: Vec::new(),
    };
    row.hash = content_hash(&row).as_bytes().to_vec();
    row
}

/// The hash of a row's content, its predecessor's hash included.
pub(super) fn content_hash(row: &row::Model) -> Digest {
    let optional = |text: &Option<String>| text.as_ref().map_or_else(|| "-".to_owned(), |text| format!("+{text}"));
    Digest::of_parts(
        "steward event 1",
        &[
            &row.prev_hash,
            row.event_id.as_bytes(),
            row.workspace.as_bytes(),
            row.room.as_bytes(),
            &row.stream_seq.to_be_bytes(),
            row.kind.as_bytes(),
            row.actor.as_bytes(),
            optional(&row.correlation_id).as_bytes(),
            optional(&row.causation_id).as_bytes(),
            optional(&row.run).as_bytes(),
            row.data.as_bytes(),
            &row.at.to_be_bytes(),
        ],
    )
}

pub(super) fn hash_of(row: &row::Model) -> Result<Digest, Error> {
    digest_of(&row.hash)
}

/// Links an event into the chain over all streams.
pub(super) fn link(chain: Digest, event: Digest) -> Digest {
    Digest::of_parts("steward chain 1", &[chain.as_bytes(), event.as_bytes()])
}

fn stored(row: row::Model) -> Result<StoredEvent, Error> {
    Ok(StoredEvent {
        position: row.position,
        id: row.event_id,
        room: row.room,
        seq: row.stream_seq,
        kind: row.kind,
        actor: row.actor,
        correlation_id: row.correlation_id,
        causation_id: row.causation_id,
        run: row.run,
        data: serde_json::from_str(&row.data).map_err(|error| Error::unreadable("event", error))?,
        at: Timestamp::from_millis(row.at),
    })
}

impl Store {
    /// Events of one room after a place in its stream, oldest first; of all rooms after a position when the room
    /// is the workspace's.
    pub async fn events_after(&self, room: RoomId, after: i64, most: u64) -> Result<Vec<StoredEvent>, Error> {
        let query = if room == WORKSPACE_ROOM {
            row::Entity::find().filter(row::Column::Position.gt(after)).order_by_asc(row::Column::Position)
        } else {
            row::Entity::find()
                .filter(row::Column::Room.eq(room.to_string()))
                .filter(row::Column::StreamSeq.gt(after))
                .order_by_asc(row::Column::StreamSeq)
        };
        self.reader().all(query.limit(most)).await?.into_iter().map(stored).collect()
    }

    /// The rooms that have events, with the number of events in each.
    pub async fn rooms(&self) -> Result<Vec<(String, i64)>, Error> {
        let mut rooms: Vec<(String, i64)> = self
            .reader()
            .at_length()
            .tuples(
                row::Entity::find()
                    .select_only()
                    .column(row::Column::Room)
                    .column_as(row::Column::StreamSeq.max(), "last")
                    .group_by(row::Column::Room),
            )
            .await?;
        // Of some, all events are in the archive.
        for (room, last) in archive::heads(self.reader()).await? {
            if rooms.iter().all(|(known, _)| *known != room) {
                rooms.push((room, last));
            }
        }
        Ok(rooms)
    }
}
