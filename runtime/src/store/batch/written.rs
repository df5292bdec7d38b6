//! The end of a batch: what was gathered is written, and told once it is on the disk.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use intents::canonical::Digest;
use intents::effect::Gap;
use intents::id::{AutomationId, RoomId, RunId};
use intents::run::Phase;

use super::memory::{Head, Memory};
use super::shared::{Shared, overlaps};
use super::{Batch, Changed, How, Start};
use crate::store::Error;
use crate::store::automation::is_outside;
use crate::store::rows::effect;
use crate::store::run::Runnable;
use crate::store::run_row;
use crate::store::under_way::Known;
use crate::store::writer::Beacons;

/// What has been written, to be told after the commit.
pub(in crate::store) struct Written {
    effects: Vec<(Digest, effect::Model)>,
    runs: Vec<(RunId, Known)>,
    /// The types of the events.
    types: Vec<String>,
    /// Those of them that wait for their turn now.
    ready: Vec<Runnable>,
    changed_automations: BTreeSet<AutomationId>,
    changed_fingerprints: BTreeSet<AutomationId>,
    changed_settings: bool,
    touched_repairs: bool,
    position: i64,
    chain: Digest,
    heads: HashMap<RoomId, Head>,
    stops: Vec<(Option<AutomationId>, bool)>,
    asking: BTreeMap<RunId, bool>,
    cautions: BTreeMap<AutomationId, Option<Gap>>,
    touched_runs: bool,
    touched_timers: bool,
}

impl Written {
    pub(in crate::store) fn publish(self, shared: &Shared, memory: &mut Memory, beacons: &Beacons) {
        for id in &self.changed_automations {
            shared.automations.forget(id);
        }
        for id in &self.changed_fingerprints {
            shared.fingerprints.forget(id);
        }
        if self.changed_settings {
            shared.settings.forget(&());
        }
        for (id, known) in self.runs {
            if known.row.phase != Phase::Queued.as_str()
                && let Ok(automation) = known.row.automation_id.parse()
            {
                shared.ready.remove(automation, id);
            }
            shared.under_way.remember(id, known);
        }
        shared.figures.told(self.types);
        for runnable in self.ready {
            shared.ready.add(runnable);
        }
        for (identity, effect) in self.effects {
            memory.remember_effect(identity, effect);
        }
        memory.heads.extend(self.heads);
        for (automation, stopped) in self.stops {
            match (automation, stopped) {
                (None, stopped) => {
                    memory.all_stopped = stopped;
                    shared.set_all_stopped(stopped);
                }
                (Some(automation), true) => {
                    memory.stopped.insert(automation);
                }
                (Some(automation), false) => {
                    memory.stopped.remove(&automation);
                }
            }
        }
        for (automation, gap) in self.cautions {
            match gap {
                Some(gap) => drop(memory.cautions.insert(automation, gap)),
                None => drop(memory.cautions.remove(&automation)),
            }
        }
        for (run, asking) in self.asking {
            if asking {
                memory.asking.insert(run);
            } else {
                memory.asking.remove(&run);
            }
        }
        if self.position != memory.position {
            memory.position = self.position;
            memory.chain = self.chain;
            memory.anchor.send_replace((self.position, self.chain));
            beacons.events.send_replace(self.position);
        }
        if self.touched_repairs {
            beacons.repairs.send_modify(|count| *count += 1);
        }
        if self.touched_runs {
            beacons.runs.send_modify(|count| *count += 1);
        }
        if self.touched_timers {
            beacons.timers.send_modify(|count| *count += 1);
        }
    }
}

impl Batch<'_> {
    /// Writes what was gathered, one statement per table and 500 rows.
    pub(in crate::store) async fn flush(mut self) -> Result<Written, Error> {
        for segment in &mut self.segments {
            let run = crate::store::run::parse(&segment.run_id)?;
            let Some(Changed { row, .. }) = self.runs.get(&run) else { continue };
            if (row.generation, row.attempts) == (segment.generation, segment.attempt) {
                (segment.calls, segment.effects, segment.suppressed) = (row.calls, row.effects, row.suppressed);
            }
        }
        let (mut made, mut written, mut over) = (Vec::new(), Vec::new(), Vec::new());
        let mut runs = Vec::with_capacity(self.runs.len());
        let mut ready = Vec::new();
        for (id, Changed { row, how }) in self.runs {
            let mut key = None;
            let mut item = None;
            match how {
                How::Made(arrival) => {
                    key = arrival.as_ref().map(|arrival| arrival.key.clone());
                    item = arrival.as_ref().map(|arrival| Arc::clone(&arrival.item));
                    made.push(run_row::whole(row.clone(), arrival));
                }
                How::Written(Some(tail)) => over.push(run_row::ended(row.clone(), tail)),
                How::Written(None) => written.push(row.clone()),
                How::Kept => {}
            }
            if key.is_none() && row.phase == Phase::Running.as_str() {
                key = self.shared.under_way.key_of_run(id).or_else(|| self.item_keys.get(&row.item().ok()?).cloned());
            }
            let start_untold = match self.starts.get(&id) {
                Some(start) => *start == Start::Untold,
                None => self.shared.under_way.is_start_untold(id),
            };
            if row.phase == Phase::Queued.as_str() {
                let automation = row.automation_id.parse();
                let automation = automation.map_err(|error| Error::unreadable("automation id", error))?;
                ready.push((id, automation, row.trigger_id.clone(), row.script_id.clone()));
            }
            runs.push((id, Known { row, key, item, start_untold }));
        }
        let mut statements = self.tx.insert_all(&made).await?;
        statements += self.tx.update_all(&written).await?;
        statements += self.tx.update_all(&over).await?;
        statements += self.tx.insert_all(&self.segments).await?;
        let (identities, effects): (Vec<_>, Vec<_>) = self.effects.into_iter().unzip();
        statements += self.tx.put_all(&effects).await?;
        statements += self.tx.insert_all(&self.events).await?;
        self.shared.count_statements(statements);
        let mut runnables = Vec::with_capacity(ready.len());
        for (run, automation, trigger, script) in ready {
            if is_outside(self.tx, self.shared, &script).await? {
                continue;
            }
            let overlaps = overlaps(self.tx, self.shared, trigger.as_deref()).await?;
            runnables.push(Runnable { run, automation, overlaps });
        }
        Ok(Written {
            types: self.events.into_iter().map(|event| event.kind).collect(),
            effects: identities.into_iter().zip(effects).collect(),
            runs,
            ready: runnables,
            changed_automations: self.changed_automations,
            changed_fingerprints: self.changed_fingerprints,
            changed_settings: self.changed_settings,
            touched_repairs: self.touched_repairs,
            position: self.position,
            chain: self.chain,
            heads: self.heads,
            stops: self.stops,
            asking: self.asking,
            cautions: self.cautions,
            touched_runs: self.touched_runs,
            touched_timers: self.touched_timers,
        })
    }
}
