//! Opens the store: one server per folder, no newer schema, and the writer started.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use connectors::vault::{Purpose, Vault};
use intents::canonical::Digest;
use intents::id::EventId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::sync::{mpsc, watch};

use super::active::{Lease, Postgres, RunOut, Tell, ThisServer, contend};
use super::anchor::Anchor;
use super::batch::{Memory, Shared};
use super::db::{Address, Queries, Reader, Sqlite, Writing};
use super::folder::{self, Hold};
use super::head::head;
use super::reserve::Reserve;
use super::rows::{automation, event, setting};
use super::under_way::UnderWay;
use super::writer::{Beacons, Command, Job, QUEUE_MAX, Signals, Ticket, Writer, job};
use super::{Error, Mode, approval, caution, migrate, moved, run};
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

impl Keys {
    /// Tells whether two servers have the same keys, and nothing else about them.
    pub(super) fn fingerprint(&self) -> Digest {
        let all = [self.payload, self.ledger, self.anchor].concat();
        let key = blake3::derive_key("steward 2026 which keys a database was written under", &all);
        Digest::from_bytes(*blake3::keyed_hash(&key, b"fingerprint").as_bytes())
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
    lost: watch::Receiver<Option<Error>>,
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
        let (hold, ended) = Hold::take(folder)?;
        moved::refuse(folder)?;
        let file = folder.join("steward.db");
        folder::make_private(&file)?;
        migrate::sqlite(&file).await?;
        let writing = Writing::Sqlite(Sqlite::open(&file)?);
        let reader = Reader::sqlite(&file)?;
        let lease = Arc::new(Lease::for_ever());
        let shared = shared(&reader, env, keys, Reserve::new(folder), lease).await?;
        Self::over(folder, writing, reader, shared, hold, ended, false).await
    }

    /// Opens a store in PostgreSQL, with what stays beside it in a folder. Waits until this server is the active one,
    /// as long as `tell` says so.
    pub async fn open_postgres(
        folder: &Path,
        postgres: &Postgres,
        env: Env,
        keys: Keys,
        tell: &Tell,
    ) -> Result<Self, Error> {
        let (hold, ended) = Hold::share(folder)?;
        moved::refuse_left_behind(folder)?;
        let address = Address::parse(&postgres.url)?;
        let server = ThisServer { place: hold.place(env.entropy.next_u128()), keys: keys.fingerprint() };
        let tenure = contend(&address, &server, postgres.lease, tell).await?;
        let reader = Reader::postgres(&address);
        let shared = shared(&reader, env, keys, Reserve::elsewhere(), tenure.lease()).await?;
        let joins = moved::to(folder)?.is_none();
        let store = Self::over(folder, Writing::Postgres(Box::new(tenure)), reader, shared, hold, ended, joins).await?;
        if joins {
            moved::note(folder, &address.public())?;
        }
        Ok(store)
    }

    /// Makes a data folder for its owner alone, where it is not there.
    pub fn make_folder(folder: &Path) -> Result<(), Error> {
        folder::make(folder)
    }

    async fn over(
        folder: &Path,
        writing: Writing,
        reader: Reader,
        shared: Shared,
        hold: Hold,
        ended: watch::Receiver<()>,
        joins: bool,
    ) -> Result<Self, Error> {
        let shared = Arc::new(shared);
        run::expect_ready(&reader, &shared).await?;
        let (position, chain, alarm) = head(folder, &reader, &shared, joins).await?;
        let (anchor_sender, anchor) = watch::channel((position, chain));
        let memory = Memory {
            position,
            chain,
            heads: HashMap::new(),
            started: HashMap::new(),
            anchor: anchor_sender,
            stopped: stopped_automations(&reader).await?,
            all_stopped: shared.is_all_stopped(),
            asking: approval::asking_runs(&reader).await?,
            cautions: caution::all(&reader).await?,
        };
        let (beacons, signals) = Beacons::new(position);
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let (lose, lost) = watch::channel(None);
        let writer = Writer { writing, shared: Arc::clone(&shared), memory, beacons, lose };
        tokio::spawn(writer.write(queued, hold));
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
            lost,
        }));
        store.keep_reserve();
        Ok(store)
    }

    /// Ends when this server may not write any more, and says why: another one has taken over, or the database could
    /// not be reached for too long. Never ends for a store that only one server can reach.
    pub async fn lost(&self) -> Error {
        let mut lost = self.0.lost.clone();
        let found = lost.wait_for(Option::is_some).await.map(|why| why.clone());
        found.ok().flatten().unwrap_or(Error::Closed)
    }

    /// Carries out what acts on the outside, as long as this server may act. When it may no longer, says whether the
    /// work had begun.
    pub async fn while_active<T>(&self, work: impl Future<Output = T>) -> Result<T, RunOut> {
        self.0.shared.lease.during(work).await
    }

    /// Hands a change to the writer; changes are applied in the order in which they are handed in.
    pub(super) async fn enqueue<C: Command>(&self, command: C) -> Result<Ticket<C::Reply>, Error> {
        if self.is_full() && !C::ESSENTIAL {
            return Err(Error::Full);
        }
        let (job, ticket) = job(command);
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

/// What every part of the store knows, as the database has it.
async fn shared(reader: &Reader, env: Env, keys: Keys, reserve: Reserve, lease: Arc<Lease>) -> Result<Shared, Error> {
    if let Some(last) = last_event(reader).await? {
        // A clock that was set back while nobody looked, or is behind that of the server before, must not make what is
        // new look old.
        env.go_on_after(last.ulid());
    }
    let under_way = UnderWay::find_again(reader).await?;
    let stopped = all_stopped(reader).await?;
    Ok(Shared::new(env, keys, reserve, under_way, stopped, lease))
}

/// The last event, whose identifier is higher than all that were made before it. One that is none was put there by
/// somebody: the audit tells, and nothing is to be learnt from it here.
async fn last_event(reader: &Reader) -> Result<Option<EventId>, Error> {
    let last = event::Entity::find().select_only().column(event::Column::EventId);
    let last: Option<String> = reader.tuple(last.order_by_desc(event::Column::Position)).await?;
    Ok(last.and_then(|id| id.parse().ok()))
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
