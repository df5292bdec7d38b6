//! Looks through all events for what nobody should have done: an edit, a swap, a deletion, a cut tail.

use std::collections::BTreeMap;
use std::path::Path;

use intents::canonical::Digest;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Error;
use super::anchor::{ANCHOR_FILE, Anchor, SUSPECT_FILE};
use super::archive::{self, Checkpoint};
use super::db::Queries;
use super::event::{content_hash, digest_of, link};
use super::open::{Keys, Store};
use super::rows::event as row;

/// Events that are looked through at once.
const PAGE: u64 = 2000;
/// More findings than this say nothing new.
const FINDINGS_MAX: usize = 100;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Events looked through.
    pub events: u64,
    /// Streams looked through.
    pub streams: u64,
    /// The position up to which an anchor stands for the chain.
    pub anchored: Option<i64>,
    /// What is wrong, in order of position.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong with the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// An event's content does not have its hash.
    #[error("event {position} was edited: its content does not have its hash")]
    Edited {
        /// Where.
        position: i64,
    },
    /// An event does not follow the one before it in its stream.
    #[error("event {position} does not follow its predecessor in {room}: events were swapped, removed or put in")]
    Broken {
        /// Where.
        position: i64,
        /// In which stream.
        room: String,
    },
    /// A position is missing.
    #[error("the events from {from} to {to} are gone")]
    Missing {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
    },
    /// The events do not lead to the anchor's chain.
    #[error("the events up to {position} are not those that the anchor was signed for")]
    NotAnchored {
        /// Where.
        position: i64,
    },
    /// The events end before the anchor.
    #[error("the tail is cut: the anchor was signed at {anchored}, the last event is {last}")]
    Cut {
        /// The anchor's position.
        anchored: i64,
        /// The last event.
        last: i64,
    },
    /// The anchor is missing, though there are events.
    #[error("the anchor file is missing, so a cut tail could not be seen")]
    NoAnchor,
    /// The anchor was not signed by this installation.
    #[error("the anchor file was changed, or signed with another master key")]
    ForgedAnchor,
    /// A checkpoint of the archive was not signed by this installation.
    #[error("the checkpoint of the archive at {position} was changed, or signed with another master key")]
    ForgedCheckpoint {
        /// Where.
        position: i64,
    },
    /// A segment of the archive is not what its checkpoint was signed for.
    #[error("the events from {from} to {to} cannot be read from the archive: {reason}")]
    Archive {
        /// The first.
        from: i64,
        /// The last.
        to: i64,
        /// Why.
        reason: String,
    },
}

/// What there is where an anchor should be.
enum Found {
    Genuine(Anchor),
    Forged,
    None,
}

impl Found {
    fn genuine(&self) -> Option<&Anchor> {
        match self {
            Self::Genuine(anchor) => Some(anchor),
            Self::Forged | Self::None => None,
        }
    }
}

/// The chain over all events after a position, given the chain up to it.
pub(super) async fn chain_from(
    reader: &impl Queries,
    mut position: i64,
    mut chain: Digest,
) -> Result<(i64, Digest), Error> {
    loop {
        let page = page_after(reader, position).await?;
        let Some(last) = page.last() else { return Ok((position, chain)) };
        let reached = last.position;
        for row in &page {
            chain = link(chain, hash_of(row));
        }
        position = reached;
    }
}

/// A hash that is none does not keep the store from opening: it is found as an edit, and the chain leads elsewhere.
fn hash_of(row: &row::Model) -> Digest {
    digest_of(&row.hash).unwrap_or(Digest::from_bytes([0; 32]))
}

async fn page_after(reader: &impl Queries, position: i64) -> Result<Vec<row::Model>, Error> {
    reader
        .all(
            row::Entity::find()
                .filter(row::Column::Position.gt(position))
                .order_by_asc(row::Column::Position)
                .limit(PAGE),
        )
        .await
}

/// How far an audit has come.
struct Walk<'a> {
    anchors: &'a [&'a Anchor],
    last: i64,
    chain: Digest,
    heads: BTreeMap<String, (i64, Vec<u8>)>,
    /// Whether events were passed over that could not be read, so that a stream may go on from anywhere.
    blind: bool,
}

impl<'a> Walk<'a> {
    fn new(anchors: &'a [&'a Anchor]) -> Self {
        Self { anchors, last: 0, chain: Digest::from_bytes([0; 32]), heads: BTreeMap::new(), blind: false }
    }

    fn follows(&self, row: &row::Model) -> bool {
        match self.heads.get(&row.room) {
            Some((seq, hash)) => row.stream_seq == seq + 1 && row.prev_hash == *hash,
            None => self.blind || (row.stream_seq == 1 && row.prev_hash == [0; 32]),
        }
    }

    /// Passes an event; says whether it is one that an anchor was signed for with another chain.
    fn pass(&mut self, row: &row::Model) -> bool {
        self.chain = link(self.chain, hash_of(row));
        self.last = row.position;
        self.heads.insert(row.room.clone(), (row.stream_seq, row.hash.clone()));
        self.anchors.iter().any(|anchor| anchor.position == self.last && anchor.chain != self.chain)
    }

    /// Goes on behind a segment that cannot be read, as its checkpoint says.
    fn skip_to(&mut self, checkpoint: &Checkpoint) {
        self.last = checkpoint.last;
        self.chain = checkpoint.chain;
        self.heads.clear();
        self.blind = true;
    }
}

impl Store {
    /// Looks through all events. `progress` is told how many are done.
    pub async fn audit(&self, progress: impl FnMut(u64)) -> Result<Audit, Error> {
        audit_of(self.reader(), self.folder(), &self.shared().keys, progress).await
    }

    /// Where the anchor is kept.
    pub fn anchor_path(&self) -> std::path::PathBuf {
        self.folder().join(ANCHOR_FILE)
    }
}

/// Looks through all events of a database, and of the archive in the folder that belongs to it.
pub(super) async fn audit_of(
    reader: &impl Queries,
    folder: &Path,
    keys: &Keys,
    mut progress: impl FnMut(u64),
) -> Result<Audit, Error> {
    let mut audit = Audit { events: 0, streams: 0, anchored: None, findings: Vec::new() };
    let anchor = genuine_anchor(&folder.join(ANCHOR_FILE), keys, &mut audit.findings);
    audit.anchored = anchor.genuine().map(|anchor| anchor.position);
    // What a start found wrong stays wrong until somebody has looked into it and removed the evidence.
    let suspect = genuine_anchor(&folder.join(SUSPECT_FILE), keys, &mut audit.findings);
    let anchors: Vec<_> = [&anchor, &suspect].into_iter().filter_map(Found::genuine).collect();

    let mut walk = Walk::new(&anchors);
    for checkpoint in archive::checkpoints(reader).await? {
        audit.look_into(folder, keys, &checkpoint, &mut walk);
        if audit.findings.len() >= FINDINGS_MAX {
            return Ok(audit);
        }
        progress(audit.events);
        tokio::task::yield_now().await;
    }
    loop {
        let page = page_after(reader, walk.last).await?;
        if page.is_empty() {
            break;
        }
        for row in &page {
            audit.look_at(row, &mut walk);
            if audit.findings.len() >= FINDINGS_MAX {
                return Ok(audit);
            }
        }
        progress(audit.events);
    }
    let last = walk.last;
    audit.streams = walk.heads.len() as u64;
    for anchor in &anchors {
        if anchor.position > last {
            audit.findings.push(Finding::Cut { anchored: anchor.position, last });
        }
    }
    if matches!(anchor, Found::None) && last > 0 {
        audit.findings.push(Finding::NoAnchor);
    }
    Ok(audit)
}

fn genuine_anchor(path: &Path, keys: &Keys, findings: &mut Vec<Finding>) -> Found {
    match Anchor::read(path) {
        Ok(Some(anchor)) if anchor.is_genuine(&keys.anchor) => Found::Genuine(anchor),
        Ok(Some(_)) | Err(_) => {
            findings.push(Finding::ForgedAnchor);
            Found::Forged
        }
        Ok(None) => Found::None,
    }
}

impl Audit {
    /// Looks through a segment of the archive. One that cannot be read is a finding, and the walk goes on behind it.
    fn look_into(&mut self, folder: &Path, keys: &Keys, checkpoint: &Checkpoint, walk: &mut Walk<'_>) {
        if !checkpoint.is_genuine(&keys.anchor) {
            self.findings.push(Finding::ForgedCheckpoint { position: checkpoint.last });
        }
        let read = archive::read(folder, keys, &checkpoint.file, checkpoint.digest, |page| {
            for row in &page {
                if self.findings.len() < FINDINGS_MAX {
                    self.look_at(row, walk);
                }
            }
        });
        let reason = match read {
            Ok(()) if walk.last == checkpoint.last && walk.chain == checkpoint.chain => return,
            Ok(()) => "its events are not those that the checkpoint was signed for".to_owned(),
            Err(error) => error.to_string(),
        };
        self.findings.push(Finding::Archive { from: checkpoint.first, to: checkpoint.last, reason });
        walk.skip_to(checkpoint);
    }

    fn look_at(&mut self, row: &row::Model, walk: &mut Walk<'_>) {
        self.events += 1;
        if row.position != walk.last + 1 {
            self.findings.push(Finding::Missing { from: walk.last + 1, to: row.position - 1 });
        }
        if content_hash(row).as_bytes().as_slice() != row.hash {
            self.findings.push(Finding::Edited { position: row.position });
        }
        if !walk.follows(row) {
            self.findings.push(Finding::Broken { position: row.position, room: row.room.clone() });
        }
        if walk.pass(row) {
            self.findings.push(Finding::NotAnchored { position: row.position });
        }
    }
}
