//! Where the record of events ends when a store is opened, and whether anything is wrong with it.

use std::fs;
use std::io;
use std::path::Path;

use intents::canonical::Digest;
use sea_orm::{EntityTrait, QueryOrder, QuerySelect};

use super::anchor::{ANCHOR_FILE, Anchor, SUSPECT_FILE};
use super::batch::Shared;
use super::db::{Queries, Reader};
use super::rows::event;
use super::{Error, archive, audit};

/// The head of all events, with what is wrong; from the anchor on, where there is a genuine one. A folder that `joins`
/// a database for the first time has no anchor yet, though there are events.
pub(super) async fn head(
    folder: &Path,
    reader: &Reader,
    shared: &Shared,
    joins: bool,
) -> Result<(i64, Digest, Option<String>), Error> {
    let beginning = archive::beginning(reader, &shared.keys.anchor).await?;
    let start = (beginning.position, beginning.chain);
    let anchor = Anchor::read(&folder.join(ANCHOR_FILE));
    let genuine = match &anchor {
        Ok(Some(anchor)) if anchor.is_genuine(&shared.keys.anchor) => Some(anchor),
        Ok(_) | Err(_) => None,
    };
    // An anchor that is older than the archive stands for events that are in the table no more.
    let ahead = genuine.filter(|anchor| anchor.position >= start.0);
    let (from, chain) = ahead.map_or(start, |anchor| (anchor.position, anchor.chain));
    let (position, chain) = audit::chain_from(reader, from, chain).await?;
    let last = last_position(reader).await?;
    let alarm = match (&anchor, genuine) {
        _ if !beginning.genuine => Some("a checkpoint of the archive was changed".to_owned()),
        (Ok(None), _) if position > 0 && !joins => Some("the anchor file is missing".to_owned()),
        (Err(_), _) | (Ok(Some(_)), None) => Some("the anchor file was changed".to_owned()),
        (_, Some(anchor)) if last < anchor.position => {
            Some(format!("events are missing: the anchor was signed at {}, the last event is {last}", anchor.position))
        }
        (Ok(_), _) => None,
    };
    if alarm.is_none() && matches!(anchor, Ok(None)) {
        // From now on, a missing anchor is one that somebody took away.
        let failed = |error: io::Error| Error::Folder { folder: folder.to_owned(), reason: error.to_string() };
        let first = Anchor::sign(&shared.keys.anchor, position, chain, shared.env.now());
        first.write(&folder.join(ANCHOR_FILE)).map_err(failed)?;
    }
    if alarm.is_some() {
        // The evidence is kept, the oldest above all; the chain goes on from what is there.
        let suspect = folder.join(SUSPECT_FILE);
        if !suspect.exists() {
            drop(fs::rename(folder.join(ANCHOR_FILE), suspect));
        }
        let (position, chain) = audit::chain_from(reader, start.0, start.1).await?;
        return Ok((position, chain, alarm));
    }
    Ok((position, chain, None))
}

async fn last_position(reader: &Reader) -> Result<i64, Error> {
    let last: Option<i64> = reader
        .tuple(
            event::Entity::find().select_only().column(event::Column::Position).order_by_desc(event::Column::Position),
        )
        .await?;
    match last {
        Some(last) => Ok(last),
        None => Ok(archive::checkpoints(reader).await?.last().map_or(0, |checkpoint| checkpoint.last)),
    }
}
