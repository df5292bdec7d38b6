//! What one commit is made of: rows that were read or changed, and rows to be added with one statement per table.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{AutomationId, ItemId, RoomId, RunId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder};
use serde_json::Value;

use super::event::{self, NewEvent};
use super::open::Keys;
use super::payload::PayloadKey;
use super::reserve::Reserve;
use super::rows::{effect, event as event_row, item, run, segment};
use super::writer::Beacons;
use super::{Error, room_of};
use crate::env::Env;

/// Rows in one statement: SQLite takes 32,766 parameters, the widest table has 18 columns.
const ROWS_MAX: usize = 500;

/// What every part of the store knows.
pub(super) struct Shared {
    pub(super) env: Env,
    pub(super) keys: Keys,
    pub(super) payload: PayloadKey,
    pub(super) reserve: Reserve,
    commits: AtomicU64,
    statements: AtomicU64,
}

impl Shared {
    pub(super) fn new(env: Env, keys: Keys, reserve: Reserve) -> Self {
        let payload = PayloadKey::new(keys.payload);
        Self { env, keys, payload, reserve, commits: AtomicU64::new(0), statements: AtomicU64::new(0) }
    }

    pub(super) fn count_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    /// Commits and multi-row statements so far.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.commits.load(Ordering::Relaxed), self.statements.load(Ordering::Relaxed))
    }
}

/// The head of one event stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) hash: Digest,
}

/// What the writer remembers between commits. Changed only after one.
pub(super) struct Memory {
    /// The last event's position.
    pub(super) position: i64,
    /// The chain over all events, as the anchor signs it.
    pub(super) chain: Digest,
    pub(super) heads: HashMap<RoomId, Head>,
    /// The last event whose chain others may sign.
    pub(super) anchor: tokio::sync::watch::Sender<(i64, Digest)>,
    /// Automations whose effects may not start.
    pub(super) stopped: BTreeSet<AutomationId>,
    pub(super) all_stopped: bool,
}

/// One commit in the making.
pub(super) struct Batch<'t> {
    pub(super) tx: &'t DatabaseTransaction,
    pub(super) shared: &'t Shared,
    memory: &'t Memory,
    pub(super) now: Timestamp,
    position: i64,
    chain: Digest,
    heads: HashMap<RoomId, Head>,
    events: Vec<event_row::Model>,
    items: Vec<item::Model>,
    runs: BTreeMap<RunId, run::Model>,
    segments: Vec<segment::Model>,
    effects: BTreeMap<Digest, effect::Model>,
    item_keys: HashMap<ItemId, PayloadKey>,
    stops: Vec<(Option<AutomationId>, bool)>,
    touched_runs: bool,
    touched_timers: bool,
}

/// What has been written, to be told after the commit.
pub(super) struct Written {
    position: i64,
    chain: Digest,
    heads: HashMap<RoomId, Head>,
    stops: Vec<(Option<AutomationId>, bool)>,
    touched_runs: bool,
    touched_timers: bool,
}

impl Written {
    pub(super) fn publish(self, memory: &mut Memory, beacons: &Beacons) {
        memory.heads.extend(self.heads);
        for (automation, stopped) in self.stops {
            match (automation, stopped) {
                (None, stopped) => memory.all_stopped = stopped,
                (Some(automation), true) => {
                    memory.stopped.insert(automation);
                }
                (Some(automation), false) => {
                    memory.stopped.remove(&automation);
                }
            }
        }
        if self.position != memory.position {
            memory.position = self.position;
            memory.chain = self.chain;
            memory.anchor.send_replace((self.position, self.chain));
            beacons.events.send_replace(self.position);
        }
        if self.touched_runs {
            beacons.runs.send_modify(|count| *count += 1);
        }
        if self.touched_timers {
            beacons.timers.send_modify(|count| *count += 1);
        }
    }
}

impl<'t> Batch<'t> {
    pub(super) fn new(tx: &'t DatabaseTransaction, shared: &'t Shared, memory: &'t Memory) -> Self {
        Self {
            tx,
            shared,
            memory,
            now: shared.env.now(),
            position: memory.position,
            chain: memory.chain,
            heads: HashMap::new(),
            events: Vec::new(),
            items: Vec::new(),
            runs: BTreeMap::new(),
            segments: Vec::new(),
            effects: BTreeMap::new(),
            item_keys: HashMap::new(),
            stops: Vec::new(),
            touched_runs: false,
            touched_timers: false,
        }
    }

    /// Appends an event to a stream.
    pub(super) async fn event(&mut self, new: NewEvent) -> Result<(), Error> {
        let head = match self.heads.get(&new.room).or_else(|| self.memory.heads.get(&new.room)) {
            Some(head) => *head,
            None => event::head_of(self.tx, new.room).await?,
        };
        self.position += 1;
        let row = event::row(&new, self.shared.env.event_id(), self.position, head, self.now);
        let hash = event::hash_of(&row)?;
        self.heads.insert(new.room, Head { seq: row.stream_seq, hash });
        self.chain = event::link(self.chain, hash);
        self.events.push(row);
        Ok(())
    }

    /// Appends an event about an automation to its room.
    pub(super) async fn automation_event(
        &mut self,
        kind: &'static str,
        automation: AutomationId,
        actor: &str,
        data: Value,
    ) -> Result<(), Error> {
        self.event(NewEvent { room: room_of(automation), kind, actor: actor.to_owned(), run: None, cause: None, data })
            .await
    }

    /// Appends an event about a run to the room of its automation.
    pub(super) async fn run_event(&mut self, kind: &'static str, run: &run::Model, data: Value) -> Result<(), Error> {
        let automation: AutomationId =
            run.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?;
        let room = room_of(automation);
        let actor = "executor".to_owned();
        let cause = Some(run.item_id.clone());
        self.event(NewEvent { room, kind, actor, run: Some(run.id.clone()), cause, data }).await
    }

    /// Adds an inbox item.
    pub(super) fn add_item(&mut self, item: item::Model, id: ItemId, key: PayloadKey) {
        self.item_keys.insert(id, key);
        self.items.push(item);
    }

    /// Looks for an item under its dedupe key, among those of this commit too.
    pub(super) async fn item_by_dedupe(&self, automation: &str, key: &str) -> Result<Option<item::Model>, Error> {
        let fresh = self.items.iter().find(|item| item.automation_id == automation && item.dedupe_key == key);
        if let Some(item) = fresh {
            return Ok(Some(item.clone()));
        }
        Ok(item::Entity::find()
            .filter(item::Column::AutomationId.eq(automation))
            .filter(item::Column::DedupeKey.eq(key))
            .one(self.tx)
            .await?)
    }

    /// The payload key of an item.
    pub(super) async fn key_of(&mut self, id: ItemId) -> Result<PayloadKey, Error> {
        if let Some(key) = self.item_keys.get(&id) {
            return Ok(key.clone());
        }
        let key = super::inbox::key_of(self.tx, self.shared, id).await?;
        self.item_keys.insert(id, key.clone());
        Ok(key)
    }

    /// The run as it stands in this commit.
    pub(super) async fn run(&self, id: RunId) -> Result<run::Model, Error> {
        if let Some(run) = self.runs.get(&id) {
            return Ok(run.clone());
        }
        run::Entity::find_by_id(id.to_string())
            .one(self.tx)
            .await?
            .ok_or_else(|| Error::NotFound { what: "run", which: id.to_string() })
    }

    /// Stores a run as it is from now on.
    pub(super) fn put_run(&mut self, id: RunId, run: run::Model) {
        self.runs.insert(id, run);
    }

    /// The runs that this commit changes.
    pub(super) fn changed_runs(&self) -> impl Iterator<Item = &run::Model> {
        self.runs.values()
    }

    /// Adds a segment of a journal.
    pub(super) fn add_segment(&mut self, segment: segment::Model) {
        self.segments.push(segment);
    }

    /// What the ledger holds under an identity, in this commit too.
    pub(super) async fn effect(&self, identity: Digest) -> Result<Option<effect::Model>, Error> {
        if let Some(effect) = self.effects.get(&identity) {
            return Ok(Some(effect.clone()));
        }
        Ok(effect::Entity::find_by_id(identity.as_bytes().to_vec()).one(self.tx).await?)
    }

    /// Stores an effect as it is from now on.
    pub(super) fn put_effect(&mut self, identity: Digest, effect: effect::Model) {
        self.effects.insert(identity, effect);
    }

    /// Whether no effect of the automation may start.
    pub(super) fn is_stopped(&self, automation: AutomationId) -> bool {
        let mut all = self.memory.all_stopped;
        let mut one = self.memory.stopped.contains(&automation);
        for (which, stopped) in &self.stops {
            match which {
                None => all = *stopped,
                Some(which) if *which == automation => one = *stopped,
                Some(_) => {}
            }
        }
        all || one
    }

    /// From this commit on, no effect of the automation (or of any) may start; or may again.
    pub(super) fn set_stopped(&mut self, automation: Option<AutomationId>, stopped: bool) {
        self.stops.push((automation, stopped));
    }

    /// Tells the router to look for runs.
    pub(super) fn touch_runs(&mut self) {
        self.touched_runs = true;
    }

    /// Tells the scheduler to look for what is due.
    pub(super) fn touch_timers(&mut self) {
        self.touched_timers = true;
    }

    /// Writes what was gathered, one statement per table and 500 rows.
    pub(super) async fn flush(self) -> Result<Written, Error> {
        for rows in self.items.chunks(ROWS_MAX) {
            self.shared.count_statement();
            let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
            item::Entity::insert_many(rows).exec_without_returning(self.tx).await?;
        }
        let runs: Vec<_> = self.runs.into_values().collect();
        for rows in runs.chunks(ROWS_MAX) {
            self.shared.count_statement();
            let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
            let columns = run::Column::iter().filter(|column| !matches!(column, run::Column::Id));
            let update = OnConflict::column(run::Column::Id).update_columns(columns).to_owned();
            run::Entity::insert_many(rows).on_conflict(update).exec_without_returning(self.tx).await?;
        }
        for rows in self.segments.chunks(ROWS_MAX) {
            self.shared.count_statement();
            let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
            segment::Entity::insert_many(rows).exec_without_returning(self.tx).await?;
        }
        let effects: Vec<_> = self.effects.into_values().collect();
        for rows in effects.chunks(ROWS_MAX) {
            self.shared.count_statement();
            let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
            let columns = effect::Column::iter().filter(|column| !matches!(column, effect::Column::Identity));
            let update = OnConflict::column(effect::Column::Identity).update_columns(columns).to_owned();
            effect::Entity::insert_many(rows).on_conflict(update).exec_without_returning(self.tx).await?;
        }
        for rows in self.events.chunks(ROWS_MAX) {
            self.shared.count_statement();
            let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
            event_row::Entity::insert_many(rows).exec_without_returning(self.tx).await?;
        }
        Ok(Written {
            position: self.position,
            chain: self.chain,
            heads: self.heads,
            stops: self.stops,
            touched_runs: self.touched_runs,
            touched_timers: self.touched_timers,
        })
    }
}

/// The last row of a stream, for a head that is not in memory.
pub(super) async fn last_in_room(tx: &DatabaseTransaction, room: RoomId) -> Result<Option<event_row::Model>, Error> {
    Ok(event_row::Entity::find()
        .filter(event_row::Column::Room.eq(room.to_string()))
        .order_by_desc(event_row::Column::StreamSeq)
        .one(tx)
        .await?)
}
