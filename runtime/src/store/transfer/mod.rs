//! Moves the store of a data folder into a PostgreSQL database.
//!
//! Table by table, some rows in each commit, together with how far it is: broken off at any moment, it goes on there. At
//! the end both are read once more and compared, and the record of events is looked through in both. The folder stays as
//! it is, and is marked.

mod target;

use std::path::Path;

use intents::canonical::Digest;
use tokio::sync::mpsc;

use self::target::Target;
use super::active::Postgres;
use super::db::Address;
use super::folder::Hold;
use super::open::Keys;
use super::{Error, Piece, Snapshot, Table, audit, migrate, moved};

/// Pieces that wait to be written: some megabytes.
const WAITING_MAX: usize = 2;

/// A store that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where it is now, without a password.
    pub to: String,
    /// Tables that were compared.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// Events that were looked through, with those of the archive.
    pub events: u64,
    /// Whether an earlier move, which was broken off, was brought to its end.
    pub resumed: bool,
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Rows of this table are there.
    Copied(Table, u64),
    /// This table is compared.
    Compared(Table),
}

/// Moves the store. No server may run on the folder or on the database. `tell` hears how far it is.
pub async fn transfer(folder: &Path, to: &Postgres, keys: &Keys, tell: &(dyn Fn(Step) + Sync)) -> Result<Moved, Error> {
    let file = folder.join("steward.db");
    if !file.is_file() {
        return Err(Error::NotFound { what: "database", which: file.display().to_string() });
    }
    let address = Address::parse(&to.url)?;
    let (_hold, _) = Hold::take(folder)?;
    if moved::to(folder)?.is_some_and(|there| there != address.public()) {
        moved::refuse(folder)?;
    }
    migrate::sqlite(&file).await?;
    let source = Snapshot::open(folder, None).await?;
    let target = Target::take(&address, to.lease, keys.fingerprint()).await?;
    if !target.is_complete() {
        for table in tables() {
            copy(&source, &target, table, tell).await?;
        }
    }
    let copied = Snapshot::open(folder, Some(to)).await?;
    let mut result = Moved { to: address.public(), tables: 0, rows: 0, events: 0, resumed: target.was_begun() };
    for table in tables() {
        let (there, here) = (sum(&source, table).await?, sum(&copied, table).await?);
        if there != here {
            return Err(differs(&format!("{} rows of `{}` became {}", there.rows, table.name(), here.rows)));
        }
        result.tables += 1;
        result.rows += here.rows;
        tell(Step::Compared(table));
    }
    let before = audit::audit_of(&source, folder, keys, |_| {}).await?;
    let after = audit::audit_of(&copied, folder, keys, |_| {}).await?;
    if before != after {
        return Err(differs("the record of events is another one"));
    }
    result.events = after.events;
    target.complete().await?;
    // Only now: until here the folder is the store.
    moved::note(folder, &address.public())?;
    Ok(result)
}

fn tables() -> impl Iterator<Item = Table> {
    Table::ALL.iter().copied().filter(|table| table.travels())
}

fn differs(what: &str) -> Error {
    Error::Conflict {
        code: "STORE_MOVE_DIFFERS",
        reason: format!(
            "what arrived is not what was sent: {what}; the store in the folder stays in use, the database is to be emptied"
        ),
    }
}

/// Copies what is not there yet of a table.
async fn copy(source: &Snapshot, target: &Target, table: Table, tell: &(dyn Fn(Step) + Sync)) -> Result<(), Error> {
    let (after, mut done) = target.progress(table).await?;
    let (pieces, mut coming) = mpsc::channel::<Piece>(WAITING_MAX);
    let read = async move { source.pieces_after(table, after, &pieces).await };
    let written = async move {
        while let Some(piece) = coming.recv().await {
            done += piece.rows();
            target.put(table, piece, done).await?;
            tell(Step::Copied(table, done));
        }
        Ok(())
    };
    let (read, written): (_, Result<(), Error>) = tokio::join!(read, written);
    // When both have failed, whoever wrote knows the cause.
    written.and(read)
}

/// What a table holds, in its order.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digest: Digest,
}

async fn sum(snapshot: &Snapshot, table: Table) -> Result<Sum, Error> {
    let (pieces, mut coming) = mpsc::channel::<Piece>(WAITING_MAX);
    let read = async move { snapshot.pieces_after(table, None, &pieces).await };
    let summed = async move {
        let (mut rows, mut hasher) = (0, blake3::Hasher::new());
        while let Some(piece) = coming.recv().await {
            rows += piece.rows();
            for row in &piece.rows {
                hasher.update(&postcard::to_allocvec(row).expect("cells are plain data"));
            }
        }
        Sum { rows, digest: Digest::from_bytes(*hasher.finalize().as_bytes()) }
    };
    let (read, sum) = tokio::join!(read, summed);
    read.map(|()| sum)
}
