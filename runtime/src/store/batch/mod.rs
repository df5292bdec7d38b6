//! What one commit is made of: rows that were read or changed, and rows to be added with one statement per table.

mod memory;
mod shared;
mod written;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::Gap;
use intents::id::{AutomationId, ItemId, RoomId, RunId};
use intents::run::Phase;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::Value;

pub(super) use memory::{Head, Memory};
pub(super) use shared::{Shared, overlaps};
pub(super) use written::Written;

use super::db::{Queries, Tx};
use super::event::{self, NewEvent};
use super::inbox::Item;
use super::payload::PayloadKey;
use super::rows::{automation, effect, event as event_row, item, run, script, segment};
use super::{Error, room_of};

/// One commit in the making.
pub(super) struct Batch<'t> {
    pub(super) tx: &'t Tx<'t>,
    pub(super) shared: &'t Shared,
    memory: &'t Memory,
    pub(super) now: Timestamp,
    position: i64,
    chain: Digest,
    heads: HashMap<RoomId, Head>,
    events: Vec<event_row::Model>,
    runs: BTreeMap<RunId, Changed>,
    dedupe_keys: HashMap<(String, String), RunId>,
    starts: BTreeMap<RunId, Start>,
    segments: Vec<segment::Model>,
    effects: BTreeMap<Digest, effect::Model>,
    item_keys: HashMap<ItemId, PayloadKey>,
    changed_automations: BTreeSet<AutomationId>,
    changed_fingerprints: BTreeSet<AutomationId>,
    changed_settings: bool,
    touched_repairs: bool,
    stops: Vec<(Option<AutomationId>, bool)>,
    asking: BTreeMap<RunId, bool>,
    cautions: BTreeMap<AutomationId, Option<Gap>>,
    touched_runs: bool,
    touched_timers: bool,
}

/// A run that this commit changes.
struct Changed {
    row: run::Model,
    how: How,
}

/// What becomes of its row in the database.
enum How {
    /// It is new, and may hold an item.
    Made(Option<Arrival>),
    /// It is written, with the end of its journal when that is in the row.
    Written(Option<Vec<u8>>),
    /// It stays as it is: the journal of this commit says how far the run has come.
    Kept,
}

/// Whether it was told that a run has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Untold,
    Told,
}

/// What comes with the first run of an item.
pub(super) struct Arrival {
    pub(super) dedupe_key: String,
    pub(super) wrapped_key: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) key: PayloadKey,
    pub(super) item: Arc<Item>,
}

impl<'t> Batch<'t> {
    pub(super) fn new(tx: &'t Tx<'t>, shared: &'t Shared, memory: &'t Memory) -> Self {
        Self {
            tx,
            shared,
            memory,
            now: shared.env.now(),
            position: memory.position,
            chain: memory.chain,
            heads: HashMap::new(),
            events: Vec::new(),
            runs: BTreeMap::new(),
            dedupe_keys: HashMap::new(),
            starts: BTreeMap::new(),
            segments: Vec::new(),
            effects: BTreeMap::new(),
            item_keys: HashMap::new(),
            changed_automations: BTreeSet::new(),
            changed_fingerprints: BTreeSet::new(),
            changed_settings: false,
            touched_repairs: false,
            stops: Vec::new(),
            asking: BTreeMap::new(),
            cautions: BTreeMap::new(),
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
        let cause = Some(run.item()?.to_string());
        self.event(NewEvent { room, kind, actor, run: Some(run.id.clone()), cause, data }).await
    }

    /// Looks for the first run under a dedupe key, among those of this commit too.
    pub(super) async fn item_by_dedupe(&self, automation: &str, key: &str) -> Result<Option<run::Model>, Error> {
        if !self.dedupe_keys.is_empty()
            && let Some(id) = self.dedupe_keys.get(&(automation.to_owned(), key.to_owned()))
        {
            return Ok(self.runs.get(id).map(|changed| changed.row.clone()));
        }
        self.tx
            .one(
                run::Entity::find()
                    .filter(run::Column::AutomationId.eq(automation))
                    .filter(item::Column::DedupeKey.eq(key)),
            )
            .await
    }

    /// The payload key of an item.
    pub(super) async fn key_of(&mut self, id: ItemId) -> Result<PayloadKey, Error> {
        if let Some(key) = self.item_keys.get(&id).cloned().or_else(|| self.shared.under_way.key_of_item(id)) {
            return Ok(key);
        }
        let key = super::inbox::key_of(self.tx, self.shared, id).await?;
        self.item_keys.insert(id, key.clone());
        Ok(key)
    }

    /// The payload key that the journal of a run is sealed under.
    pub(super) async fn key_of_run(&mut self, run: &run::Model) -> Result<PayloadKey, Error> {
        if let Some(key) = self.shared.under_way.key_of_run(super::run::parse(&run.id)?) {
            return Ok(key);
        }
        self.key_of(run.item()?).await
    }

    /// The run as it stands in this commit.
    pub(super) async fn run(&self, id: RunId) -> Result<run::Model, Error> {
        let known = self.runs.get(&id).map(|changed| changed.row.clone());
        if let Some(run) = known.or_else(|| self.shared.under_way.row(id)) {
            return Ok(run);
        }
        self.tx
            .one(run::Entity::find_by_id(id.to_string()))
            .await?
            .ok_or_else(|| Error::NotFound { what: "run", which: id.to_string() })
    }

    /// Adds a run, with the item that it is the first one of.
    pub(super) fn make_run(&mut self, id: RunId, run: run::Model, arrival: Option<Arrival>) {
        if let Some(arrival) = &arrival {
            self.item_keys.insert(arrival.item.id, arrival.key.clone());
            self.dedupe_keys.insert((run.automation_id.clone(), arrival.dedupe_key.clone()), id);
        }
        self.runs.insert(id, Changed { row: run, how: How::Made(arrival) });
    }

    /// Stores a run as it is from now on. While its attempt is alive, its row stays as it is: what this commit adds to
    /// its journal says how far it has come.
    pub(super) fn put_run(&mut self, id: RunId, run: run::Model) {
        let said =
            run.phase == Phase::Running.as_str() && self.segments.iter().rev().any(|segment| segment.run_id == run.id);
        self.change_run(id, run, if said { How::Kept } else { How::Written(None) });
    }

    /// Stores a run that is over, with the end of its journal.
    pub(super) fn end_run(&mut self, id: RunId, run: run::Model, tail: Option<Vec<u8>>) {
        self.change_run(id, run, How::Written(tail));
    }

    fn change_run(&mut self, id: RunId, run: run::Model, how: How) {
        match self.runs.entry(id) {
            Entry::Vacant(vacant) => {
                vacant.insert(Changed { row: run, how });
            }
            Entry::Occupied(mut occupied) => {
                let changed = occupied.get_mut();
                changed.row = run;
                match (&changed.how, how) {
                    // A new row is inserted as it is last. It cannot have ended with a journal in its first commit.
                    (How::Made(_), How::Made(_) | How::Written(_) | How::Kept)
                    | (How::Written(_) | How::Kept, How::Kept)
                    | (How::Written(Some(_)), How::Written(None)) => {}
                    (How::Written(_) | How::Kept, how @ (How::Made(_) | How::Written(_))) => changed.how = how,
                }
            }
        }
    }

    /// Notes that a run has begun in this commit: it is told when its row is written.
    pub(super) fn leave_start_untold(&mut self, id: RunId) {
        self.starts.insert(id, Start::Untold);
    }

    /// Whether it is still to be told that a run has begun. The caller tells it.
    pub(super) fn take_untold_start(&mut self, id: RunId) -> bool {
        let untold = match self.starts.get(&id) {
            Some(start) => *start == Start::Untold,
            None => self.shared.under_way.is_start_untold(id),
        };
        if untold {
            self.starts.insert(id, Start::Told);
        }
        untold
    }

    /// An automation as it stands in this commit.
    pub(super) async fn automation(&self, id: AutomationId) -> Result<Option<Arc<automation::Model>>, Error> {
        let kept = if self.changed_automations.contains(&id) { None } else { Some(self.shared.automations.get(&id)) };
        let since = match kept {
            Some(Ok(row)) => return Ok(Some(row)),
            Some(Err(since)) => Some(since),
            None => None,
        };
        let row = self.tx.one(automation::Entity::find_by_id(id.to_string())).await?.map(Arc::new);
        if let (Some(row), Some(since)) = (&row, since) {
            self.shared.automations.keep(id, Arc::clone(row), since);
        }
        Ok(row)
    }

    /// Notes that this commit changes the row of an automation. What is kept of it is forgotten.
    pub(super) fn automation_changed(&mut self, id: AutomationId) {
        self.changed_automations.insert(id);
    }

    /// A version of a script: it never changes.
    pub(super) async fn script(&self, id: &str) -> Result<Arc<script::Model>, Error> {
        let id = id.parse().map_err(|error| Error::unreadable("script id", error))?;
        super::automation::script_row(self.tx, self.shared, id).await
    }

    /// Notes that this commit changes what is known of call sites.
    pub(super) fn fingerprints_changed(&mut self, id: AutomationId) {
        self.changed_fingerprints.insert(id);
    }

    /// Tells the maintainer to look for work.
    pub(super) fn repairs_changed(&mut self) {
        self.touched_repairs = true;
    }

    /// Notes that this commit changes settings.
    pub(super) fn settings_changed(&mut self) {
        self.changed_settings = true;
    }

    /// The runs that this commit changes.
    pub(super) fn changed_runs(&self) -> impl Iterator<Item = &run::Model> {
        self.runs.values().map(|changed| &changed.row)
    }

    /// Adds a segment to the journal of a run.
    pub(super) fn add_segment(&mut self, run: &run::Model, records: Vec<u8>) {
        self.segments.push(segment::Model {
            run_id: run.id.clone(),
            generation: run.generation,
            segment: run.segments,
            records,
            // How far the run has come is known when the whole commit is.
            attempt: run.attempts,
            calls: 0,
            effects: 0,
            suppressed: 0,
            at: self.now.as_millis(),
        });
    }

    /// What the ledger holds under an identity, in this commit too.
    pub(super) async fn effect(&self, identity: Digest) -> Result<Option<effect::Model>, Error> {
        if let Some(effect) = self.effects.get(&identity).or_else(|| self.memory.started.get(&identity)) {
            return Ok(Some(effect.clone()));
        }
        self.tx.one(effect::Entity::find_by_id(identity.as_bytes().to_vec())).await
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

    /// Whether a run has asked for approvals of which something may still come.
    pub(super) fn is_asking(&self, run: RunId) -> bool {
        self.asking.get(&run).copied().unwrap_or_else(|| self.memory.asking.contains(&run))
    }

    /// From this commit on, a run has such approvals; or has none any more.
    pub(super) fn set_asking(&mut self, run: RunId, asking: bool) {
        self.asking.insert(run, asking);
    }

    /// The time that the ledger of an automation may have forgotten.
    pub(super) fn caution(&self, automation: AutomationId) -> Option<Gap> {
        self.cautions.get(&automation).copied().unwrap_or_else(|| self.memory.cautions.get(&automation).copied())
    }

    /// From this commit on, the ledger of an automation may have forgotten a time; or none.
    pub(super) fn set_caution(&mut self, automation: AutomationId, gap: Option<Gap>) {
        self.cautions.insert(automation, gap);
    }

    /// Tells the router to look for runs.
    pub(super) fn touch_runs(&mut self) {
        self.touched_runs = true;
    }

    /// Tells the scheduler to look for what is due.
    pub(super) fn touch_timers(&mut self) {
        self.touched_timers = true;
    }
}

/// The last row of a stream, for a head that is not in memory.
pub(super) async fn last_in_room(tx: &Tx<'_>, room: RoomId) -> Result<Option<event_row::Model>, Error> {
    tx.one(
        event_row::Entity::find()
            .filter(event_row::Column::Room.eq(room.to_string()))
            .order_by_desc(event_row::Column::StreamSeq),
    )
    .await
}
