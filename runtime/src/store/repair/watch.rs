//! A repair is watched: the first runs under it show whether it holds, and one that fails takes it back.

use intents::failure::Class;
use intents::id::RepairId;
use intents::label::Labels;
use intents::repair::State;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::deploy::put_in_force;
use super::fingerprint;
use super::row::{automation, body, change_state, domain, find, set_body, state};
use crate::maintainer::Repair;
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::rows::{repair as row, run, script};
use crate::store::writer::Command;
use crate::store::{Error, Store, golden, notice};

/// Who takes back what does not hold.
const ACTOR: &str = "maintainer";

/// Looks at the end of a run under a script that a repair brought. Says which repair was taken back.
pub(in crate::store) async fn watch(
    batch: &mut Batch<'_>,
    ended: &run::Model,
    class: Option<Class>,
) -> Result<Option<String>, Error> {
    if ended.shadow.is_some() {
        return Ok(None);
    }
    // Scripts of the user's own have no repair; most runs are done here.
    let known = batch.script(&ended.script_id).await?;
    if known.adapters.is_none() {
        return Ok(None);
    }
    let watched = row::Entity::find()
        .filter(row::Column::AutomationId.eq(&ended.automation_id))
        .filter(row::Column::NewScriptId.eq(&ended.script_id))
        .filter(row::Column::State.eq(State::Watching.as_str()));
    let Some(mut row) = batch.tx.one(watched).await? else { return Ok(None) };
    match class {
        None => {
            row.watch_left -= 1;
            if row.watch_left <= 0 {
                change_state(batch, &mut row, State::Kept, ACTOR, json!({ "run": ended.id })).await?;
            }
            batch.tx.update(&row).await?;
            Ok(None)
        }
        // The script is what fails: it, or a limit that it runs into.
        Some(class @ (Class::Logic | Class::Limit | Class::Nondeterminism)) => {
            let why = format!("a run under it failed ({class}, {})", ended.code.as_deref().unwrap_or("no code"));
            Ok(take_back(batch, &mut row, State::RolledBack, ACTOR, &why).await?.then_some(row.id))
        }
        // Whatever else went wrong, it is not the repair.
        Some(
            Class::Transient | Class::Auth | Class::Permission | Class::Uncertain | Class::Internal | Class::Unknown,
        ) => Ok(None),
    }
}

/// Puts the script in force that was there before a repair. Says whether there was anything to take back.
async fn take_back(batch: &mut Batch<'_>, row: &mut row::Model, to: State, by: &str, why: &str) -> Result<bool, Error> {
    let id = automation(row)?;
    let Some(found) = batch.automation(id).await? else { return Ok(false) };
    if row.new_script_id.as_ref() != Some(&found.script_id) {
        return Ok(false);
    }
    let old = batch.tx.one(script::Entity::find_by_id(&row.script_id)).await?;
    let old = old.ok_or_else(|| Error::NotFound { what: "script", which: row.script_id.clone() })?;
    put_in_force(batch, &found, &old, by, &row.id).await?;
    change_state(batch, row, to, by, json!({ "script": old.id, "why": why })).await?;
    let mut said = body(row, &batch.shared.payload)?;
    if said.candidate.as_ref().is_some_and(|candidate| !candidate.is_adapter) {
        // What is known by now is the shape of the script that is taken back. An adapter left it as it was.
        fingerprint::forget(batch, id).await?;
    }
    // What it brought to its end is nothing that the script before it leads to.
    golden::forget_repair(batch, &row.run_id).await?;
    said.ended = Some(format!("taken back: {why}"));
    set_body(batch, row, &said)?;
    batch.tx.update(row).await?;
    let headline = format!("{}: a repair was taken back", found.title);
    let text = format!("Version {}.{} is in force again: {why}.", old.major, old.minor);
    notice::tell(batch, Some(id), "warn", &headline, &text, &Labels::new()).await?;
    Ok(true)
}

/// A person takes a repair back.
struct Undo {
    repair: RepairId,
    by: String,
}

impl Command for Undo {
    type Reply = Repair;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Repair, Error> {
        let mut row = find(batch, self.repair).await?;
        let state = state(&row)?;
        let undone = state.is_live() && take_back(batch, &mut row, State::Undone, &self.by, "you took it back").await?;
        if !undone {
            let reason = if state.is_live() {
                "the automation has another script by now, so there is nothing to take back".to_owned()
            } else {
                format!("the repair is {state}: only one that is live can be taken back")
            };
            return Err(Error::Conflict { code: "REPAIR_NOT_LIVE", reason });
        }
        domain(row, &batch.shared.payload)
    }
}

impl Store {
    /// Takes a repair back: the script before it is in force again.
    pub async fn undo_repair(&self, repair: RepairId, by: &str) -> Result<Repair, Error> {
        self.commit(Undo { repair, by: by.to_owned() }).await
    }
}
