//! What was acknowledged, and whether a store still has it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use intents::effect::State;
use intents::id::{ItemId, RunId};
use intents::journal::Record;
use intents::run::Phase;
use runtime::env::Env;
use runtime::store::{RunFilter, Store, WORKSPACE_ROOM};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::disk::Op;
use crate::world::keys;

/// More than the child makes of anything.
const ALL: u64 = 100_000;
/// The length of the store's reserve. A file of holes will do: the image is thrown away.
const RESERVE_BYTES: u64 = 16 * 1024 * 1024;

/// One acknowledged change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Promise {
    /// The store is open and has its automation.
    Opened,
    /// The item is taken, with a run for it.
    Delivered { run: RunId, item: ItemId, name: String },
    /// So many calls are in the journal.
    Called { run: RunId, calls: u32 },
    /// The effect of a call may be performed.
    Started { run: RunId, call: u32 },
    /// The effect has happened.
    Applied { run: RunId, call: u32 },
    /// The run is over.
    Finished { run: RunId },
}

/// An acknowledged change, with the last event that was known by then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) position: i64,
    pub(super) promise: Promise,
}

/// Everything that was acknowledged up to a moment.
#[derive(Clone, Default)]
pub(super) struct Promises {
    position: i64,
    promises: Vec<Promise>,
}

/// What a store holds.
struct Held {
    names: BTreeMap<RunId, (ItemId, String)>,
    calls: BTreeMap<RunId, u32>,
    effects: BTreeMap<(RunId, u32), State>,
    over: BTreeSet<RunId>,
}

impl Promises {
    pub(super) fn note(&mut self, op: &Op) {
        if let Op::Promised(text) = op {
            let line: Line = serde_json::from_str(text).unwrap();
            self.position = self.position.max(line.position);
            self.promises.push(line.promise);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.promises.len()
    }

    /// What a store on this folder does not have though it was acknowledged, and what is wrong with it otherwise.
    pub(super) async fn lost(&self, folder: &Path) -> Vec<String> {
        std::fs::File::create(folder.join("reserve")).unwrap().set_len(RESERVE_BYTES).unwrap();
        let place = folder.file_name().unwrap().to_string_lossy().into_owned();
        let store = match Store::open(folder, Env::real(), keys()).await {
            Ok(store) => store,
            Err(error) => return vec![format!("{place}: {error}")],
        };
        let mut wrong = Vec::new();
        let held = Held::look(&store, &mut wrong).await;
        for promise in &self.promises {
            if !held.keeps(promise) {
                wrong.push(format!("{promise:?} is lost"));
            }
        }
        let audit = store.audit(|_| {}).await.unwrap();
        if (audit.events as i64) < self.position {
            wrong.push(format!("{} events of {} are left", audit.events, self.position));
        }
        wrong.extend(audit.findings.iter().map(ToString::to_string));
        wrong.extend(store.alarm().map(str::to_owned));
        wrong.extend(store.quick_check().await.unwrap());
        store.close().await;
        wrong.into_iter().map(|wrong| format!("{place}: {wrong}")).collect()
    }
}

impl Held {
    /// Reads everything, and notes what does not fit together: what one commit wrote is there wholly or not at all.
    async fn look(store: &Store, wrong: &mut Vec<String>) -> Self {
        let mut held =
            Self { names: BTreeMap::new(), calls: BTreeMap::new(), effects: BTreeMap::new(), over: BTreeSet::new() };
        let runs = store.runs(&RunFilter::default(), ALL).await.unwrap();
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for event in store.events_after(WORKSPACE_ROOM, 0, ALL).await.unwrap() {
            *told.entry(event.kind).or_default() += 1;
        }
        for run in &runs {
            let item = store.item(run.item).await.unwrap();
            held.names.insert(run.id, (run.item, item.input.as_str().unwrap_or_default().to_owned()));
            let records = store.journal(run.id).await.unwrap().records;
            let calls: Vec<_> = records
                .iter()
                .filter_map(|record| match record {
                    Record::Called(called) => Some(called.call),
                    Record::Began { .. }
                    | Record::Settled { .. }
                    | Record::Faulted { .. }
                    | Record::Reread { .. }
                    | Record::StateRead { .. }
                    | Record::Logged(_)
                    | Record::Outside(_)
                    | Record::Ended { .. } => None,
                })
                .collect();
            if calls != (0..run.calls).collect::<Vec<_>>() {
                wrong.push(format!("the journal of {} has the calls {calls:?}, its row {}", run.id, run.calls));
            }
            held.calls.insert(run.id, run.calls);
            if run.phase == Phase::Succeeded {
                held.over.insert(run.id);
            }
        }
        let mut applied = 0;
        for effect in store.effects(None, None, None, ALL).await.unwrap() {
            applied += u32::from(effect.state == State::Applied);
            held.effects.insert((effect.run.parse().unwrap(), effect.call as u32), effect.state);
        }
        let counts = json!({
            "queued": told.get("run.queued").copied().unwrap_or(0),
            "succeeded": told.get("run.succeeded").copied().unwrap_or(0),
            "applied": runs.iter().map(|run| run.effects).sum::<u32>(),
        });
        let rows = json!({ "queued": runs.len(), "succeeded": held.over.len(), "applied": applied });
        if counts != rows {
            wrong.push(format!("the events and runs tell of {counts}, the rows of {rows}"));
        }
        held
    }

    fn keeps(&self, promise: &Promise) -> bool {
        match promise {
            Promise::Opened => true,
            Promise::Delivered { run, item, name } => {
                self.names.get(run).is_some_and(|(held, text)| held == item && text == name)
            }
            Promise::Called { run, calls } => self.calls.get(run).is_some_and(|held| held >= calls),
            Promise::Started { run, call } => self.effects.contains_key(&(*run, *call)),
            Promise::Applied { run, call } => self.effects.get(&(*run, *call)) == Some(&State::Applied),
            Promise::Finished { run } => self.over.contains(run),
        }
    }
}
