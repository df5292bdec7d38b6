//! Opens the store: one server per folder, no newer schema, and the writer started.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::vault::{Purpose, Vault};
use intents::canonical::Digest;
use intents::id::EventId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::{mpsc, watch};

use super::anchor::{ANCHOR_FILE, Anchor, SUSPECT_FILE};
use super::batch::{Memory, Shared};
use super::db::{Queries, Reader, Sqlite, Writing};
use super::reserve::Reserve;
use super::rows::{automation, event, setting};
use super::under_way::UnderWay;
use super::writer::{self, Beacons, Command, Job, QUEUE_MAX, Signals, Ticket};
use super::{Error, Mode, approval, archive, audit, caution, migrate, run};
use crate::env::Env;

/// The keys that the store works with, derived from the master key.
#[derive(Clone)]
pub struct Keys {
    /// Wraps the keys of payloads.
    pub payload: [u8; 32],
    /// Digests the identities of effects.
    pub ledger: [u8; 32],
    /// Signs anchors.
    pub anchor: [u8; 32],
}

impl Keys {
    /// The keys of an installation.
    pub fn of(vault: &Vault) -> Self {
        Self {
            payload: *vault.subkey(Purpose::PayloadWrapping).as_bytes(),
            ledger: *vault.subkey(Purpose::LedgerHashing).as_bytes(),
            anchor: *vault.subkey(Purpose::AnchorSigning).as_bytes(),
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

/// A handle to the store; clones share everything.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    reader: Reader,
    shared: Arc<Shared>,
    queue: mpsc::Sender<Box<dyn Job>>,
    signals: Signals,
    anchor: watch::Receiver<(i64, Digest)>,
    anchoring: Mutex<()>,
    alarm: Option<String>,
    ended: watch::Receiver<()>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

/// The setting that keeps a stop of everything over a restart.
pub(super) const STOPPED_SETTING: &str = "stopped";

impl Store {
    /// Opens the store in a folder, making it at the first start.
    pub async fn open(folder: &Path, env: Env, keys: Keys) -> Result<Self, Error> {
        make_folder(folder)?;
        let lock = lock(folder)?;
        let file = folder.join("steward.db");
        make_private(&file)?;
        migrate::sqlite(&file).await?;
        let writing = Writing::Sqlite(Sqlite::open(&file)?);
        let reader = Reader::sqlite(&file)?;

        if let Some(last) = last_event(&reader).await? {
            // A clock that was set back while nobody looked must not make what is new look old.
            env.go_on_after(last.ulid());
        }
        let under_way = UnderWay::find_again(&reader).await?;
        let stopped = all_stopped(&reader).await?;
        let shared = Arc::new(Shared::new(env, keys, Reserve::new(folder), under_way, stopped));
        run::expect_ready(&reader, &shared).await?;
        let (position, chain, alarm) = head(folder, &reader, &shared).await?;
        let (anchor_sender, anchor) = watch::channel((position, chain));
        let memory = Memory {
            position,
            chain,
            heads: HashMap::new(),
            started: HashMap::new(),
            anchor: anchor_sender,
            stopped: stopped_automations(&reader).await?,
            all_stopped: stopped,
            asking: approval::asking_runs(&reader).await?,
            cautions: caution::all(&reader).await?,
        };
        let (beacons, signals) = Beacons::new(position);
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let (end, ended) = watch::channel(());
        let hold = Hold { lock, end };
        tokio::spawn(writer::write(writing, Arc::clone(&shared), memory, beacons, queued, hold));
        let store = Self(Arc::new(Inner {
            folder: folder.to_owned(),
            reader,
            shared,
            queue,
            signals,
            anchor,
            anchoring: Mutex::new(()),
            alarm,
            ended,
        }));
        store.keep_reserve();
        Ok(store)
    }

    /// Hands a change to the writer; changes are applied in the order in which they are handed in.
    pub(super) async fn enqueue<C: Command>(&self, command: C) -> Result<Ticket<C::Reply>, Error> {
        if self.is_full() && !C::ESSENTIAL {
            return Err(Error::Full);
        }
        let (job, ticket) = writer::job(command);
        self.0.queue.send(job).await.map_err(|_| Error::Closed)?;
        Ok(ticket)
    }

    /// Applies a change; when this returns, it is on the disk.
    pub(super) async fn commit<C: Command>(&self, command: C) -> Result<C::Reply, Error> {
        self.enqueue(command).await?.await
    }

    pub(super) fn reader(&self) -> &Reader {
        &self.0.reader
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Hints that something has changed.
    pub fn signals(&self) -> Signals {
        self.0.signals.clone()
    }

    /// Commits and multi-row statements since the start.
    pub fn counts(&self) -> (u64, u64) {
        self.0.shared.counts()
    }

    /// Changes that wait for the writer, and how many may.
    pub(super) fn queue(&self) -> (usize, usize) {
        let most = self.0.queue.max_capacity();
        (most - self.0.queue.capacity(), most)
    }

    /// What was wrong with the record of events at the start.
    pub fn alarm(&self) -> Option<&str> {
        self.0.alarm.as_deref()
    }

    /// Signs the head of all events into the anchor file, when it has moved. Says whether it had.
    pub async fn anchor(&self) -> Result<bool, Error> {
        let store = self.clone();
        let written = tokio::task::spawn_blocking(move || store.anchor_now()).await;
        written
            .map_err(|_| Error::Closed)?
            .map_err(|error| Error::Folder { folder: self.0.folder.clone(), reason: error.to_string() })
    }

    fn anchor_now(&self) -> io::Result<bool> {
        // One at a time, so that a later head is never replaced by an earlier one.
        let _alone = self.0.anchoring.lock().unwrap_or_else(PoisonError::into_inner);
        let (position, chain) = *self.0.anchor.borrow();
        let path = self.anchor_path();
        if Anchor::read(&path).ok().flatten().is_some_and(|old| old.position == position && old.chain == chain) {
            return Ok(false);
        }
        Anchor::sign(&self.shared().keys.anchor, position, chain, self.shared().env.now()).write(&path)?;
        Ok(true)
    }

    /// Whether the disk is known to be full.
    pub fn is_full(&self) -> bool {
        self.shared().reserve.is_given_back()
    }

    /// Keeps some space for bad days; ends the state of a full disk when there is space again.
    pub fn keep_reserve(&self) {
        self.shared().reserve.keep();
    }

    /// Lets go of the store. Ends when all other handles are gone too, every change is on the disk, and the folder is
    /// free for another server.
    pub async fn close(self) {
        let mut ended = self.0.ended.clone();
        let reader = self.0.reader.clone();
        drop(self);
        while ended.changed().await.is_ok() {}
        // The last connection brings the write-ahead log back into the file; should it not, the next start does.
        drop(reader);
    }
}

/// The folder, held as long as anything can still be written: dropped, it is free for another server.
#[derive(Debug)]
pub(super) struct Hold {
    lock: File,
    end: watch::Sender<()>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // First free, then said so. Should it fail, the lock goes with the file in a moment.
        drop(self.lock.unlock());
        self.end.send_replace(());
    }
}

pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let failed = |error: io::Error| Error::Folder { folder: folder.to_owned(), reason: error.to_string() };
    let missing: Vec<_> =
        folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(failed)?;
    // Nothing in a folder outlasts a loss of power unless the folder itself does.
    missing.iter().try_for_each(|made| sync_folder(made.parent().unwrap_or(made))).map_err(failed)
}

/// Makes the entries of a folder outlast a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

/// Takes the folder for this process. The lock goes with the process, however it ends.
fn lock(folder: &Path) -> Result<File, Error> {
    let failed = |error: std::io::Error| Error::Folder { folder: folder.to_owned(), reason: error.to_string() };
    let path = folder.join("steward.lock");
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            write!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            drop(file.read_to_string(&mut holder));
            Err(Error::Locked { folder: folder.to_owned(), holder })
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes the database file for its owner alone; SQLite gives its log the same mode.
pub(super) fn make_private(file: &Path) -> Result<(), Error> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::Folder { folder: file.to_owned(), reason: error.to_string() }),
    }
}

/// The head of all events; from the anchor on, where there is a genuine one.
async fn head(folder: &Path, reader: &Reader, shared: &Shared) -> Result<(i64, Digest, Option<String>), Error> {
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
        (Ok(None), _) if position > 0 => Some("the anchor file is missing".to_owned()),
        (Err(_), _) | (Ok(Some(_)), None) => Some("the anchor file was changed".to_owned()),
        (_, Some(anchor)) if last < anchor.position => {
            Some(format!("events are missing: the anchor was signed at {}, the last event is {last}", anchor.position))
        }
        (Ok(_), _) => None,
    };
    if position == 0 && matches!(anchor, Ok(None)) {
        // From the first event on, a missing anchor is one that somebody took away.
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

/// The last event, whose identifier is higher than all that were made before it. One that is none was put there by
/// somebody: the audit tells, and nothing is to be learnt from it here.
async fn last_event(reader: &Reader) -> Result<Option<EventId>, Error> {
    let last = event::Entity::find().select_only().column(event::Column::EventId);
    let last: Option<String> = reader.tuple(last.order_by_desc(event::Column::Position)).await?;
    Ok(last.and_then(|id| id.parse().ok()))
}

async fn last_position(reader: &Reader) -> Result<i64, Error> {
    let last: Option<i64> = reader
        .tuple(
            super::rows::event::Entity::find()
                .select_only()
                .column(super::rows::event::Column::Position)
                .order_by_desc(super::rows::event::Column::Position),
        )
        .await?;
    match last {
        Some(last) => Ok(last),
        None => Ok(archive::checkpoints(reader).await?.last().map_or(0, |checkpoint| checkpoint.last)),
    }
}

async fn stopped_automations(reader: &Reader) -> Result<BTreeSet<intents::id::AutomationId>, Error> {
    let rows = reader
        .all(
            automation::Entity::find()
                .filter(automation::Column::Mode.is_in([Mode::Stopped.as_str(), Mode::Removed.as_str()])),
        )
        .await?;
    rows.into_iter().map(|row| row.id.parse().map_err(|error| Error::unreadable("automation id", error))).collect()
}

async fn all_stopped(reader: &Reader) -> Result<bool, Error> {
    let found = reader.one(setting::Entity::find_by_id(STOPPED_SETTING)).await?;
    Ok(found.is_some_and(|row| row.value == "true"))
}
