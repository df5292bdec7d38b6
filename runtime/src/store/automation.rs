//! Automations with the versions of their contracts and scripts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::id::{AutomationId, ContractId, ScriptId, ShadowId};
use intents::repair::Adapter;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::batch::{Batch, Shared};
use super::db::Queries;
use super::rows::{automation as row, contract, run, script, trigger};
use super::writer::Command;
use super::{Error, Store, repair, shadow};
use crate::engine::EngineName;

/// Whether an automation works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Triggers fire and runs run.
    Active,
    /// As active, but what its runs would do outside is noted, and not done.
    Shadow,
    /// No run starts. What comes in is kept as items; files wait in their folder; times of a schedule pass.
    Paused,
    /// As paused, and no effect starts in a run that is under way.
    Stopped,
    /// Gone for the user; its history stays.
    Removed,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 5] = [Self::Active, Self::Shadow, Self::Paused, Self::Stopped, Self::Removed];

    /// Those in which triggers fire and runs run.
    pub const WORKING: [Self; 2] = [Self::Active, Self::Shadow];

    /// Whether triggers fire and runs run.
    pub fn works(self) -> bool {
        Self::WORKING.contains(&self)
    }

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Shadow => "shadow",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
        }
    }

    const fn event(self) -> &'static str {
        match self {
            Self::Active | Self::Shadow => "automation.resumed",
            Self::Paused => "automation.paused",
            Self::Stopped => "automation.stopped",
            Self::Removed => "automation.removed",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| Error::unreadable("mode", format!("`{text}`")))
    }
}

/// What the user delegated.
#[derive(Debug, Clone, PartialEq)]
pub struct Automation {
    /// Its id.
    pub id: AutomationId,
    /// Its short name, unique.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Whether it works.
    pub mode: Mode,
    /// The shadow that it is in, paused or not, until it is activated.
    pub shadow: Option<ShadowId>,
    /// The contract in force.
    pub contract: ContractId,
    /// The script in force.
    pub script: ScriptId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it has been working under this contract.
    pub activated_at: Timestamp,
}

/// One version of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractVersion {
    /// Its id.
    pub id: ContractId,
    /// Counts from 1 for each automation.
    pub version: i64,
    /// The contract as canonical JSON.
    pub body: String,
    /// The digest of the body.
    pub digest: String,
}

/// One version of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptVersion {
    /// Its id.
    pub id: ScriptId,
    /// Belongs to a contract version.
    pub major: i64,
    /// Counts changes under the same contract.
    pub minor: i64,
    /// What is executed.
    pub program: Program,
    /// What stands between services that answer in another shape now, and the shape that it was proven with.
    pub adapters: Arc<Vec<Adapter>>,
    /// The digest of the program with its adapters.
    pub digest: String,
}

/// What a script version executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// JavaScript, in the jail.
    Script(String),
    /// Whatever an engine outside holds ready for it.
    Outside(EngineName),
}

impl Program {
    /// The digest of the source, or of the name of the engine.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Script(source) => Digest::of(source.as_bytes()),
            Self::Outside(engine) => Digest::of_parts("steward engine 1", &[engine.as_str().as_bytes()]),
        }
    }

    /// The engine outside, if it is one that executes it.
    pub fn engine(&self) -> Option<&EngineName> {
        match self {
            Self::Script(_) => None,
            Self::Outside(engine) => Some(engine),
        }
    }

    fn from_row(row: &script::Model) -> Result<Self, Error> {
        Ok(match &row.engine {
            None => Self::Script(row.source.clone()),
            Some(engine) => Self::Outside(engine.parse().map_err(|error| Error::unreadable("script", error))?),
        })
    }
}

impl From<String> for Program {
    fn from(source: String) -> Self {
        Self::Script(source)
    }
}

impl From<&str> for Program {
    fn from(source: &str) -> Self {
        Self::Script(source.to_owned())
    }
}

/// A trigger about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTrigger {
    /// `schedule`, `file`, `webhook`, `event` or `manual`.
    pub kind: &'static str,
    /// The trigger as JSON.
    pub body: String,
    /// The first slot of a schedule.
    pub next_at: Option<Timestamp>,
}

/// An automation from outside: new under its name, or a new version of what has that name.
#[derive(Debug, Clone)]
pub struct Import {
    /// The short name.
    pub name: String,
    /// The title.
    pub title: String,
    /// The contract as canonical JSON.
    pub contract: String,
    /// What is executed.
    pub program: Program,
    /// The triggers of the contract.
    pub triggers: Vec<NewTrigger>,
    /// Who imports it.
    pub by: String,
    /// Whether it is to be in shadow.
    pub shadow: bool,
}

impl row::Model {
    /// Whether triggers fire and runs run.
    pub(super) fn works(&self) -> bool {
        self.mode.parse().is_ok_and(Mode::works)
    }
}

pub(super) fn domain(row: row::Model) -> Result<Automation, Error> {
    Ok(Automation {
        id: row.id.parse().map_err(|error| Error::unreadable("automation id", error))?,
        name: row.name,
        title: row.title,
        mode: row.mode.parse()?,
        shadow: shadow::of(row.shadow.as_deref())?,
        contract: row.contract_id.parse().map_err(|error| Error::unreadable("contract id", error))?,
        script: row.script_id.parse().map_err(|error| Error::unreadable("script id", error))?,
        created_at: Timestamp::from_millis(row.created_at),
        activated_at: Timestamp::from_millis(row.activated_at),
    })
}

impl Command for Import {
    type Reply = Automation;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Automation, Error> {
        let now = batch.now.as_millis();
        let env = &batch.shared.env;
        let known = batch.tx.one(row::Entity::find().filter(row::Column::Name.eq(&self.name))).await?;
        let contract_digest = Digest::of(self.contract.as_bytes()).to_string();
        let script_digest = self.program.digest().to_string();

        let (id, old_contract, old_script) = match &known {
            Some(row) => (
                row.id.clone(),
                batch.tx.one(contract::Entity::find_by_id(&row.contract_id)).await?,
                batch.tx.one(script::Entity::find_by_id(&row.script_id)).await?,
            ),
            None => (env.automation_id().to_string(), None, None),
        };
        let contract_id = match &old_contract {
            Some(old) if old.digest == contract_digest => old.id.clone(),
            Some(_) | None => env.contract_id().to_string(),
        };
        let contract_version = match &old_contract {
            Some(old) if old.digest == contract_digest => old.version,
            Some(old) => old.version + 1,
            None => 1,
        };
        let script_id = match &old_script {
            Some(old) if old.digest == script_digest && old.contract_id == contract_id => old.id.clone(),
            Some(_) | None => env.script_id().to_string(),
        };
        let (major, minor) = match &old_script {
            Some(old) if old.id == script_id => (old.major, old.minor),
            Some(old) if old.contract_id == contract_id => (old.major, old.minor + 1),
            Some(_) | None => (contract_version, 0),
        };

        let mut automation = row::Model {
            id: id.clone(),
            name: self.name.clone(),
            title: self.title.clone(),
            mode: known.as_ref().map_or(Mode::Active.as_str(), |row| row.mode.as_str()).to_owned(),
            contract_id: contract_id.clone(),
            script_id: script_id.clone(),
            created_at: known.as_ref().map_or(now, |row| row.created_at),
            activated_at: now,
            updated_at: now,
            shadow: known.as_ref().and_then(|row| row.shadow.clone()),
        };
        if self.shadow {
            shadow::enter(batch, &mut automation).await?;
            if automation.mode == Mode::Active.as_str() {
                automation.mode = Mode::Shadow.as_str().to_owned();
            }
        }
        batch.automation_changed(id.parse().map_err(|error| Error::unreadable("automation id", error))?);
        let changed = known.as_ref().is_none_or(|row| row.contract_id != contract_id || row.script_id != script_id);
        if known.is_some() {
            batch.tx.update(&automation).await?;
        } else {
            batch.tx.insert(&automation).await?;
        }
        if old_contract.as_ref().is_none_or(|old| old.id != contract_id) {
            let model = contract::Model {
                id: contract_id.clone(),
                automation_id: id.clone(),
                version: contract_version,
                body: self.contract.clone(),
                digest: contract_digest.clone(),
                created_at: now,
            };
            batch.tx.insert(&model).await?;
        }
        if old_script.as_ref().is_none_or(|old| old.id != script_id) {
            let model = script::Model {
                id: script_id.clone(),
                automation_id: id.clone(),
                contract_id: contract_id.clone(),
                major,
                minor,
                source: match &self.program {
                    Program::Script(source) => source.clone(),
                    Program::Outside(_) => String::new(),
                },
                engine: self.program.engine().map(ToString::to_string),
                digest: script_digest.clone(),
                created_at: now,
                adapters: None,
            };
            batch.tx.insert(&model).await?;
        }
        replace_triggers(batch, &id, &self.triggers).await?;

        let automation = domain(automation)?;
        if changed && known.is_some() {
            repair::forget_shapes(batch, automation.id).await?;
        }
        if changed {
            let kind = if known.is_some() { "automation.changed" } else { "automation.created" };
            let data = json!({
                "automation": id, "contract": contract_id, "contract_version": contract_version,
                "contract_digest": contract_digest, "script": script_id, "script_version": format!("{major}.{minor}"),
                "script_digest": script_digest, "shadow": automation.shadow,
            });
            batch.automation_event(kind, automation.id, &self.by, data).await?;
        }
        if known.is_some_and(|row| row.shadow.is_none()) && automation.shadow.is_some() {
            let data = json!({ "automation": id, "to": automation.mode.as_str(), "shadow": automation.shadow });
            batch.automation_event("automation.shadowed", automation.id, &self.by, data).await?;
        }
        batch.touch_timers();
        batch.touch_runs();
        Ok(automation)
    }
}

/// A trigger that stays the same keeps its row, and with it what it has seen.
async fn replace_triggers(batch: &Batch<'_>, automation: &str, wanted: &[NewTrigger]) -> Result<(), Error> {
    let old = batch.tx.all(trigger::Entity::find().filter(trigger::Column::AutomationId.eq(automation))).await?;
    let mut kept = Vec::new();
    for (position, new) in wanted.iter().enumerate() {
        let same = old.iter().find(|row| row.kind == new.kind && row.body == new.body && !kept.contains(&row.id));
        if let Some(row) = same {
            kept.push(row.id.clone());
            let mut update = row.clone();
            update.position = position as i64;
            if row.live == 0 {
                update.live = 1;
                update.next_at = new.next_at.map(Timestamp::as_millis);
                update.last_at = batch.now.as_millis();
            }
            batch.tx.update(&update).await?;
            continue;
        }
        let model = trigger::Model {
            id: batch.shared.env.trigger_id().to_string(),
            automation_id: automation.to_owned(),
            position: position as i64,
            kind: new.kind.to_owned(),
            body: new.body.clone(),
            live: 1,
            next_at: new.next_at.map(Timestamp::as_millis),
            last_at: batch.now.as_millis(),
        };
        batch.tx.insert(&model).await?;
    }
    let gone: Vec<_> = old.into_iter().filter(|row| !kept.contains(&row.id)).map(|row| row.id).collect();
    if !gone.is_empty() {
        batch
            .tx
            .change(
                trigger::Entity::update_many()
                    .col_expr(trigger::Column::Live, sea_orm::sea_query::Expr::value(0))
                    .filter(trigger::Column::Id.is_in(gone)),
            )
            .await?;
    }
    Ok(())
}

/// Changes whether an automation works. Acknowledged, no effect starts any more when it is stopped.
struct SetMode {
    id: AutomationId,
    mode: Mode,
    by: String,
}

impl Command for SetMode {
    type Reply = Automation;
    const ESSENTIAL: bool = true;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Automation, Error> {
        let not_found = || Error::NotFound { what: "automation", which: self.id.to_string() };
        let mut row = batch.tx.one(row::Entity::find_by_id(self.id.to_string())).await?.ok_or_else(not_found)?;
        let before: Mode = row.mode.parse()?;
        if before == Mode::Removed {
            return Err(not_found());
        }
        let mode = match (self.mode, &row.shadow) {
            // Only who activates it ends a shadow.
            (Mode::Active | Mode::Shadow, Some(_)) => Mode::Shadow,
            // Its runs would be real ones.
            (Mode::Shadow, None) => {
                return Err(Error::Conflict { code: "SHADOW_NONE", reason: format!("`{}` is in no shadow", row.name) });
            }
            (mode @ (Mode::Active | Mode::Paused | Mode::Stopped | Mode::Removed), _) => mode,
        };
        row.mode = mode.as_str().to_owned();
        row.updated_at = batch.now.as_millis();
        if mode.works() && !before.works() {
            // Nothing was expected of it in between.
            row.activated_at = row.updated_at;
        }
        if mode == Mode::Removed {
            if let Some(shadow) = &row.shadow {
                shadow::forget_memory(batch, shadow).await?;
            }
            // The name is free for another.
            row.name = format!("{}~{}", row.name, self.id.ulid());
            batch
                .tx
                .change(
                    trigger::Entity::update_many()
                        .col_expr(trigger::Column::Live, sea_orm::sea_query::Expr::value(0))
                        .filter(trigger::Column::AutomationId.eq(row.id.clone())),
                )
                .await?;
        }
        batch.tx.update(&row).await?;
        batch.automation_changed(self.id);
        let blocks = match mode {
            Mode::Stopped | Mode::Removed => true,
            Mode::Active | Mode::Shadow | Mode::Paused => false,
        };
        batch.set_stopped(Some(self.id), blocks);
        if before != mode {
            let data = json!({ "automation": row.id, "from": before.as_str(), "to": mode.as_str() });
            batch.automation_event(mode.event(), self.id, &self.by, data).await?;
        }
        batch.touch_runs();
        batch.touch_timers();
        domain(row)
    }
}

/// The row of a script, from memory where it is there: a script never changes.
pub(super) async fn script_row(db: &impl Queries, shared: &Shared, id: ScriptId) -> Result<Arc<script::Model>, Error> {
    let since = match shared.scripts.get(&id) {
        Ok(row) => return Ok(row),
        Err(since) => since,
    };
    let found = db.one(script::Entity::find_by_id(id.to_string())).await?;
    let row = Arc::new(found.ok_or_else(|| Error::NotFound { what: "script", which: id.to_string() })?);
    shared.scripts.keep(id, Arc::clone(&row), since);
    Ok(row)
}

/// Whether an engine outside executes a script: its runs wait for a holder, and not for a place.
pub(super) async fn is_outside(db: &impl Queries, shared: &Shared, script: &str) -> Result<bool, Error> {
    let id = script.parse().map_err(|error| Error::unreadable("script id", error))?;
    Ok(script_row(db, shared, id).await?.engine.is_some())
}

impl Store {
    /// Brings in an automation, or a new version of one.
    pub async fn import(&self, import: Import) -> Result<Automation, Error> {
        self.commit(import).await
    }

    /// Changes whether an automation works.
    pub async fn set_mode(&self, id: AutomationId, mode: Mode, by: &str) -> Result<Automation, Error> {
        self.commit(SetMode { id, mode, by: by.to_owned() }).await
    }

    /// All automations that are not removed, by name.
    pub async fn automations(&self) -> Result<Vec<Automation>, Error> {
        self.reader()
            .all(
                row::Entity::find()
                    .filter(row::Column::Mode.ne(Mode::Removed.as_str()))
                    .order_by_asc(row::Column::Name),
            )
            .await?
            .into_iter()
            .map(domain)
            .collect()
    }

    /// The automations that work after one of them, in the order of their ids, with their contracts.
    pub async fn active_contracts_after(
        &self,
        after: Option<AutomationId>,
        most: u64,
    ) -> Result<Vec<(AutomationId, ContractId)>, Error> {
        let mut query = row::Entity::find()
            .select_only()
            .column(row::Column::Id)
            .column(row::Column::ContractId)
            .filter(row::Column::Mode.is_in(Mode::WORKING.map(Mode::as_str)))
            .order_by_asc(row::Column::Id)
            .limit(most);
        if let Some(after) = after {
            query = query.filter(row::Column::Id.gt(after.to_string()));
        }
        let rows: Vec<(String, String)> = self.reader().tuples(query).await?;
        rows.into_iter()
            .map(|(automation, contract)| {
                let automation = automation.parse().map_err(|error| Error::unreadable("automation id", error))?;
                let contract = contract.parse().map_err(|error| Error::unreadable("contract id", error))?;
                Ok((automation, contract))
            })
            .collect()
    }

    /// One automation, by id or name.
    pub async fn automation(&self, which: &str) -> Result<Automation, Error> {
        if let Ok(id) = which.parse::<AutomationId>() {
            return domain(self.automation_row(id).await?.as_ref().clone());
        }
        let found = self.reader().one(row::Entity::find().filter(row::Column::Name.eq(which))).await?;
        found.ok_or_else(|| Error::NotFound { what: "automation", which: which.to_owned() }).and_then(domain)
    }

    pub(super) async fn automation_row(&self, id: AutomationId) -> Result<Arc<row::Model>, Error> {
        let since = match self.shared().automations.get(&id) {
            Ok(row) => return Ok(row),
            Err(since) => since,
        };
        let found = self.reader().one(row::Entity::find_by_id(id.to_string())).await?;
        let row = Arc::new(found.ok_or_else(|| Error::NotFound { what: "automation", which: id.to_string() })?);
        self.shared().automations.keep(id, Arc::clone(&row), since);
        Ok(row)
    }

    /// One version of a contract.
    pub async fn contract(&self, id: ContractId) -> Result<ContractVersion, Error> {
        let found = self.reader().one(contract::Entity::find_by_id(id.to_string())).await?;
        let row = found.ok_or_else(|| Error::NotFound { what: "contract", which: id.to_string() })?;
        Ok(ContractVersion { id, version: row.version, body: row.body, digest: row.digest })
    }

    /// One version of a script.
    pub async fn script(&self, id: ScriptId) -> Result<ScriptVersion, Error> {
        let row = script_row(self.reader(), self.shared(), id).await?;
        let program = Program::from_row(&row)?;
        let adapters = row.adapters.as_deref().map(serde_json::from_str).transpose();
        let adapters = adapters.map_err(|error| Error::unreadable("script", error))?.unwrap_or_default();
        Ok(ScriptVersion {
            id,
            major: row.major,
            minor: row.minor,
            program,
            adapters: Arc::new(adapters),
            digest: row.digest.clone(),
        })
    }

    /// Which script versions are executed outside, and by which engine.
    pub async fn engines_of_scripts(&self) -> Result<BTreeMap<ScriptId, EngineName>, Error> {
        let outside = script::Entity::find()
            .select_only()
            .column(script::Column::Id)
            .column(script::Column::Engine)
            .filter(script::Column::Engine.is_not_null());
        let rows = self.reader().tuples::<(String, String)>(outside).await?;
        let parsed = rows.into_iter().map(|(id, engine)| {
            let id = id.parse().map_err(|error| Error::unreadable("script id", error))?;
            Ok((id, engine.parse().map_err(|error| Error::unreadable("script", error))?))
        });
        parsed.collect()
    }

    /// How many runs each automation has in each phase.
    pub async fn run_counts(&self) -> Result<Vec<(String, String, i64)>, Error> {
        self.reader()
            .at_length()
            .tuples(
                run::Entity::find()
                    .select_only()
                    .column(run::Column::AutomationId)
                    .column(run::Column::Phase)
                    .column_as(run::Column::Id.count(), "count")
                    .group_by(run::Column::AutomationId)
                    .group_by(run::Column::Phase),
            )
            .await
    }
}
