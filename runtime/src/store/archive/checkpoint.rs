//! Checkpoints: signed statements about the segments in the archive.

use intents::Timestamp;
use intents::canonical::Digest;
use sea_orm::{EntityTrait, QueryOrder};

use crate::store::Error;
use crate::store::db::Queries;
use crate::store::event::digest_of;
use crate::store::rows::{archive as row, archived_head};

/// A signed statement: the events of a segment are in this file, and lead to this chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Checkpoint {
    pub(in crate::store) first: i64,
    pub(in crate::store) last: i64,
    pub(in crate::store) file: String,
    /// The digest of the file.
    pub(in crate::store) digest: Digest,
    /// The chain over all events up to the last.
    pub(in crate::store) chain: Digest,
    pub(in crate::store) at: Timestamp,
    signature: Digest,
}

impl Checkpoint {
    /// Signs a statement.
    pub(super) fn sign(key: &[u8; 32], unsigned: Self) -> Self {
        Self { signature: unsigned.signature_under(key), ..unsigned }
    }

    /// A statement that nobody has signed yet.
    pub(super) fn unsigned(range: (i64, i64), file: String, digest: Digest, chain: Digest, at: Timestamp) -> Self {
        let signature = Digest::from_bytes([0; 32]);
        Self { first: range.0, last: range.1, file, digest, chain, at, signature }
    }

    /// Whether it was signed with this key, and not changed since.
    pub(in crate::store) fn is_genuine(&self, key: &[u8; 32]) -> bool {
        self.signature == self.signature_under(key)
    }

    fn signature_under(&self, key: &[u8; 32]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(key);
        hasher.update(b"steward archive 1");
        hasher.update(&self.first.to_be_bytes());
        hasher.update(&self.last.to_be_bytes());
        hasher.update(self.digest.as_bytes());
        hasher.update(self.chain.as_bytes());
        hasher.update(&self.at.as_millis().to_be_bytes());
        // Last, since its length is its own.
        hasher.update(self.file.as_bytes());
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    pub(super) fn row(&self) -> row::Model {
        row::Model {
            last_position: self.last,
            first_position: self.first,
            file: self.file.clone(),
            digest: self.digest.to_string(),
            chain: self.chain.to_string(),
            at: self.at.as_millis(),
            signature: self.signature.to_string(),
        }
    }
}

/// A text that is no digest does not keep the store from opening: it is found as a forged checkpoint.
fn digest(text: &str) -> Digest {
    text.parse().unwrap_or(Digest::from_bytes([0; 32]))
}

fn checkpoint(row: row::Model) -> Checkpoint {
    Checkpoint {
        first: row.first_position,
        last: row.last_position,
        digest: digest(&row.digest),
        chain: digest(&row.chain),
        at: Timestamp::from_millis(row.at),
        signature: digest(&row.signature),
        file: row.file,
    }
}

/// Where the events of the table begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Beginning {
    /// The last position that is in the archive.
    pub(in crate::store) position: i64,
    /// The chain over all events up to it.
    pub(in crate::store) chain: Digest,
    /// Whether the checkpoint that says so is genuine.
    pub(in crate::store) genuine: bool,
}

/// Where the events of the table begin: after the last segment of the archive.
pub(in crate::store) async fn beginning(db: &impl Queries, key: &[u8; 32]) -> Result<Beginning, Error> {
    let last = db.one(row::Entity::find().order_by_desc(row::Column::LastPosition)).await?.map(checkpoint);
    Ok(match last {
        Some(last) => Beginning { position: last.last, chain: last.chain, genuine: last.is_genuine(key) },
        None => Beginning { position: 0, chain: Digest::from_bytes([0; 32]), genuine: true },
    })
}

/// Every checkpoint, oldest first.
pub(in crate::store) async fn checkpoints(db: &impl Queries) -> Result<Vec<Checkpoint>, Error> {
    let rows = db.all(row::Entity::find().order_by_asc(row::Column::LastPosition)).await?;
    Ok(rows.into_iter().map(checkpoint).collect())
}

/// Where a stream stood when its last event went into the archive.
pub(in crate::store) async fn head_of(db: &impl Queries, room: &str) -> Result<Option<(i64, Digest)>, Error> {
    let found = db.one(archived_head::Entity::find_by_id(room.to_owned())).await?;
    found.map(|head| Ok((head.stream_seq, digest_of(&head.hash)?))).transpose()
}

/// Where all streams stood that have events in the archive.
pub(in crate::store) async fn heads(db: &impl Queries) -> Result<Vec<(String, i64)>, Error> {
    let heads = db.all(archived_head::Entity::find()).await?;
    Ok(heads.into_iter().map(|head| (head.room, head.stream_seq)).collect())
}
