//! The ledger: what happened under each effect key, over runs, attempts and versions.

use std::time::Duration;

use intents::Timestamp;
use intents::canonical::Digest;
use intents::effect::{Admission, Claim, Key, Prior, State, admit};
use intents::id::{AutomationId, EffectId, RunId};
use intents::need::Kind as NeedKind;
use intents::outcome::Outcome;
use intents::run::Phase;
use intents::tool::Name;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;

use super::batch::Batch;
use super::event::digest_of;
use super::need::{self, NewNeed};
use super::rows::{effect as row, rate_mark};
use super::run::{self, Progress};
use super::writer::{Command, Ticket};
use super::{Error, Store, inbox};

/// One place in a window that an effect takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateMark {
    /// What is counted together: the clause, and the value of its argument.
    pub subject: Digest,
    /// Places in the window.
    pub max: u32,
    /// The window.
    pub window: Duration,
    /// Which clause of the contract says so.
    pub clause: usize,
    /// Whether a person is asked beyond it, and may let the call pass.
    pub ask: bool,
}

/// A call that wants to perform an effect. Everything that the run has read so far is stored with it.
#[derive(Debug, Clone)]
pub struct BeginEffect {
    /// What happened since the last commit, the call included.
    pub progress: Progress,
    /// Whose effect it is.
    pub automation: AutomationId,
    /// The tool.
    pub tool: Name,
    /// The key.
    pub key: Key,
    /// Who calls, about what, with which arguments.
    pub claim: Claim,
    /// Places that it takes in windows.
    pub rates: Vec<RateMark>,
}

/// What the call may do.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// It is `started` and may be performed.
    Perform {
        /// When it was started.
        started_at: Timestamp,
    },
    /// It happened before: this is what it led to.
    GiveBack {
        /// The outcome; none when its content was erased.
        outcome: Option<Outcome>,
        /// Whether another item asked for the same.
        suppressed: bool,
    },
    /// It happened with other arguments for another item.
    KeyConflict {
        /// The run that did it.
        run: RunId,
    },
    /// It may have happened: settle it first.
    Settle {
        /// When it was started.
        started_at: Timestamp,
        /// Whether it had been found uncertain, rather than cut off.
        was_uncertain: bool,
    },
    /// It may have happened with other arguments, or under another contract: only the person can say.
    SettleOther {
        /// When it was started.
        started_at: Timestamp,
    },
    /// Another run is at it.
    WaitFor(RunId),
    /// A window is full.
    Full {
        /// The clause of the contract.
        clause: usize,
        /// When a place becomes free.
        until: Timestamp,
    },
    /// The automation is stopped.
    Stopped,
}

/// Who knew whether an effect happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBy {
    /// The answer to the performance.
    Answer,
    /// The service, asked or called again.
    Service,
    /// A person.
    Person,
}

impl SettledBy {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Service => "service",
            Self::Person => "person",
        }
    }
}

/// What is now known about an effect.
#[derive(Debug, Clone)]
pub struct SettleEffect {
    /// What happened since the last commit, the outcome included.
    pub progress: Progress,
    /// Whose effect it is.
    pub automation: AutomationId,
    /// The tool.
    pub tool: Name,
    /// The key.
    pub key: Key,
    /// `Applied`, `NotApplied` or `Uncertain`.
    pub state: State,
    /// What it led to, when applied.
    pub outcome: Option<Outcome>,
    /// Who knew.
    pub by: SettledBy,
    /// What to ask the person, when nobody knows.
    pub need: Option<NewNeed>,
    /// What to ask the person, when nobody knows and the run was ended meanwhile.
    pub need_if_over: Option<NewNeed>,
}

/// An effect as people see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// Its id.
    pub id: String,
    /// Whose effect it is.
    pub automation: String,
    /// The tool.
    pub tool: String,
    /// The key in words; none when erased.
    pub key: Option<String>,
    /// What is known.
    pub state: State,
    /// The run that claimed it last.
    pub run: String,
    /// The number of the call in that run.
    pub call: i64,
    /// Who knew.
    pub settled_by: Option<String>,
    /// How often it was sent.
    pub performances: i64,
    /// How often another item asked for the same.
    pub suppressions: i64,
    /// When it was started last.
    pub started_at: Timestamp,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
}

/// The identity as rows hold it: keyed, so that a copy of the database does not tell who was written to.
fn identity(batch: &Batch<'_>, automation: AutomationId, tool: &Name, key: &Key) -> Digest {
    let plain = key.identity(automation, tool);
    Digest::from_bytes(*blake3::keyed_hash(&batch.shared.keys.ledger, plain.as_bytes()).as_bytes())
}

fn prior(row: &row::Model) -> Result<Prior, Error> {
    Ok(Prior {
        state: state_of(row)?,
        claim: Claim {
            run: run::parse(&row.run_id)?,
            call: u32::try_from(row.call).map_err(|error| Error::unreadable("effect", error))?,
            item: inbox::parse_item(&row.item_id)?,
            arguments: row.arguments.parse().map_err(|error| Error::unreadable("effect", error))?,
        },
        started_at: Timestamp::from_millis(row.started_at),
    })
}

fn state_of(row: &row::Model) -> Result<State, Error> {
    row.state.parse().map_err(|error| Error::unreadable("effect state", error))
}

/// A run that was stopped still awaits the answers to what it sent: longer than any tool may take, with its grace.
const ON_ITS_WAY_MAX: Duration = Duration::from_secs(180);

/// Whether somebody may still be told how an effect ended.
fn may_be_on_its_way(effect: &row::Model, now: Timestamp) -> Result<bool, Error> {
    let age = now.since(Timestamp::from_millis(effect.started_at));
    Ok(state_of(effect)? == State::Started && age < ON_ITS_WAY_MAX)
}

impl Command for BeginEffect {
    type Reply = Begun;

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<Begun, Error> {
        let mut run = run::progress(batch, &self.progress).await?;
        run::refuse_overlong(&run)?;
        let identity = identity(batch, self.automation, &self.tool, &self.key);
        let known = batch.effect(identity).await?;
        let admission = admit(known.as_ref().map(prior).transpose()?.as_ref(), &self.claim);
        let begun = match admission {
            // To settle may be to send again.
            Admission::Perform | Admission::Settle { .. } if batch.is_stopped(self.automation) => Begun::Stopped,
            Admission::Perform => match self.first_full(batch).await? {
                Some((clause, until)) => Begun::Full { clause, until },
                None => {
                    let started = self.started(batch, identity, known).await?;
                    batch.put_effect(identity, started);
                    Begun::Perform { started_at: batch.now }
                }
            },
            Admission::GiveBack { suppressed } => {
                let mut effect = known.expect("an effect that is given back is in the ledger");
                let outcome = open_outcome(batch, &effect).await?;
                if suppressed {
                    effect.suppressions += 1;
                    run.suppressed += 1;
                    batch.put_effect(identity, effect);
                }
                Begun::GiveBack { outcome, suppressed }
            }
            Admission::KeyConflict => {
                let effect = known.expect("an effect in conflict is in the ledger");
                Begun::KeyConflict { run: run::parse(&effect.run_id)? }
            }
            Admission::Settle { started_at } => {
                let effect = known.expect("an effect to be settled is in the ledger");
                Begun::Settle { started_at, was_uncertain: state_of(&effect)? == State::Uncertain }
            }
            Admission::WaitFor(other) => {
                let effect = known.expect("an effect to wait for is in the ledger");
                let other_run = batch.run(other).await?;
                let phase: Phase = other_run.phase.parse().map_err(|error| Error::unreadable("phase", error))?;
                if phase.is_over() && batch.is_stopped(self.automation) {
                    Begun::Stopped
                } else if phase.is_over() && !may_be_on_its_way(&effect, batch.now)? {
                    // Nobody else will settle it any more.
                    let was_uncertain = state_of(&effect)? == State::Uncertain;
                    let started_at = Timestamp::from_millis(effect.started_at);
                    // What was sent may differ from what this call would send, and with it how it can be known.
                    let alike = effect.arguments == self.claim.arguments.to_string()
                        && other_run.contract_id == run.contract_id;
                    if alike {
                        let mut effect = effect;
                        effect.run_id = self.claim.run.to_string();
                        effect.call = i64::from(self.claim.call);
                        effect.item_id = self.claim.item.to_string();
                        batch.put_effect(identity, effect);
                        Begun::Settle { started_at, was_uncertain }
                    } else {
                        Begun::SettleOther { started_at }
                    }
                } else {
                    Begun::WaitFor(other)
                }
            }
        };
        batch.put_run(self.progress.run, run);
        Ok(begun)
    }
}

impl BeginEffect {
    async fn started(
        &self,
        batch: &Batch<'_>,
        identity: Digest,
        known: Option<row::Model>,
    ) -> Result<row::Model, Error> {
        let env = &batch.shared.env;
        let id = known.as_ref().map_or_else(|| env.effect_id().to_string(), |effect| effect.id.clone());
        for mark in &self.rates {
            let model = rate_mark::Model {
                subject: mark.subject.as_bytes().to_vec(),
                effect: id.clone(),
                at: batch.now.as_millis(),
            };
            let again =
                sea_orm::sea_query::OnConflict::columns([rate_mark::Column::Subject, rate_mark::Column::Effect])
                    .update_column(rate_mark::Column::At)
                    .to_owned();
            rate_mark::Entity::insert(model.into_active_model())
                .on_conflict(again)
                .exec_without_returning(batch.tx)
                .await?;
        }
        Ok(row::Model {
            identity: identity.as_bytes().to_vec(),
            key_text: Some(batch.shared.payload.seal_value(env, &id, &self.key)),
            id,
            automation_id: self.automation.to_string(),
            tool: self.tool.to_string(),
            state: State::Started.as_str().to_owned(),
            run_id: self.claim.run.to_string(),
            call: i64::from(self.claim.call),
            item_id: self.claim.item.to_string(),
            arguments: self.claim.arguments.to_string(),
            outcome: None,
            settled_by: None,
            performances: known.as_ref().map_or(0, |effect| effect.performances) + 1,
            suppressions: known.as_ref().map_or(0, |effect| effect.suppressions),
            started_at: batch.now.as_millis(),
            settled_at: None,
        })
    }

    /// The first window without a place. A person's yes opens those that ask, and no others.
    async fn first_full(&self, batch: &Batch<'_>) -> Result<Option<(usize, Timestamp)>, Error> {
        let allowed = need::allows(batch, self.claim.run, self.progress.generation, self.claim.call);
        // Looked up only for a call that asks.
        let allowed = if self.rates.iter().any(|mark| mark.ask) { allowed.await? } else { false };
        for mark in self.rates.iter().filter(|mark| !(mark.ask && allowed)) {
            let since = batch.now - mark.window;
            let taken: Vec<i64> = rate_mark::Entity::find()
                .select_only()
                .column(rate_mark::Column::At)
                .filter(rate_mark::Column::Subject.eq(mark.subject.as_bytes().to_vec()))
                .filter(rate_mark::Column::At.gt(since.as_millis()))
                .order_by_desc(rate_mark::Column::At)
                .limit(u64::from(mark.max))
                .into_tuple()
                .all(batch.tx)
                .await?;
            if taken.len() >= mark.max as usize {
                let oldest = taken.last().copied().unwrap_or(batch.now.as_millis());
                return Ok(Some((mark.clause, Timestamp::from_millis(oldest) + mark.window)));
            }
        }
        Ok(None)
    }
}

async fn open_outcome(batch: &mut Batch<'_>, effect: &row::Model) -> Result<Option<Outcome>, Error> {
    let Some(sealed) = &effect.outcome else { return Ok(None) };
    match batch.key_of(inbox::parse_item(&effect.item_id)?).await {
        Ok(key) => key.open_value("outcome", &effect.id, sealed).map(Some),
        // Erased content is gone for good; that the effect happened is not.
        Err(Error::Sealed { .. } | Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores what is now known about an effect of the ledger.
pub(super) async fn settle(
    batch: &mut Batch<'_>,
    identity: Digest,
    state: State,
    outcome: Option<&Outcome>,
    by: SettledBy,
) -> Result<row::Model, Error> {
    let effect = batch.effect(identity).await?;
    let mut effect = effect.ok_or_else(|| Error::NotFound { what: "effect", which: identity.to_string() })?;
    let before = state_of(&effect)?;
    if before == state {
        // Known already; what was known first stands.
        return Ok(effect);
    }
    if !before.may_become(state) {
        return Err(Error::Conflict {
            code: "EFFECT_SETTLED",
            reason: format!("the effect {} is {before} and cannot become {state}", effect.id),
        });
    }
    effect.state = state.as_str().to_owned();
    effect.settled_by = match state {
        State::Applied | State::NotApplied => Some(by.as_str().to_owned()),
        State::Started | State::Uncertain => None,
    };
    effect.settled_at = match state {
        State::Applied | State::NotApplied => Some(batch.now.as_millis()),
        State::Started | State::Uncertain => None,
    };
    if let Some(outcome) = outcome {
        effect.outcome = match batch.key_of(inbox::parse_item(&effect.item_id)?).await {
            Ok(key) => Some(key.seal_value(&batch.shared.env, &effect.id, outcome)),
            // The content of the item is erased, so this is too; that the effect happened is not.
            Err(Error::Sealed { .. }) => None,
            Err(error) => return Err(error),
        };
    }
    if state == State::NotApplied {
        // It took no place in any window.
        rate_mark::Entity::delete_many().filter(rate_mark::Column::Effect.eq(&effect.id)).exec(batch.tx).await?;
    }
    batch.put_effect(identity, effect.clone());
    Ok(effect)
}

/// What the host itself tells others in its own commit, known over the generations of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// The number of the call.
    pub call: u32,
    /// The run, the tool, the arguments, and how many calls before were just like it.
    pub digest: Digest,
}

/// Takes the place of a message in the ledger, in the commit that gives it. Says whether it is given for the first time:
/// a run that begins afresh makes its calls again.
pub(super) async fn claim_message(
    batch: &mut Batch<'_>,
    run: &mut crate::store::rows::run::Model,
    tool: &str,
    message: &Message,
) -> Result<bool, Error> {
    let keyed = blake3::keyed_hash(&batch.shared.keys.ledger, message.digest.as_bytes());
    let identity = Digest::from_bytes(*keyed.as_bytes());
    if batch.effect(identity).await?.is_some() {
        return Ok(false);
    }
    let id = batch.shared.env.effect_id().to_string();
    let row = row::Model {
        identity: identity.as_bytes().to_vec(),
        id,
        automation_id: run.automation_id.clone(),
        tool: tool.to_owned(),
        key_text: None,
        state: State::Applied.as_str().to_owned(),
        run_id: run.id.clone(),
        call: i64::from(message.call),
        item_id: run.item_id.clone(),
        arguments: message.digest.to_string(),
        outcome: None,
        settled_by: Some(SettledBy::Answer.as_str().to_owned()),
        performances: 1,
        suppressions: 0,
        started_at: batch.now.as_millis(),
        settled_at: Some(batch.now.as_millis()),
    };
    batch.put_effect(identity, row);
    run.effects += 1;
    Ok(true)
}

/// Asks about every effect of a run that ends without anybody who would settle it.
pub(super) async fn ask_about_unsettled(
    batch: &mut Batch<'_>,
    run: &crate::store::rows::run::Model,
) -> Result<(), Error> {
    let unsettled = row::Entity::find()
        .filter(row::Column::RunId.eq(&run.id))
        .filter(row::Column::State.is_in([State::Started, State::Uncertain].map(State::as_str)))
        .all(batch.tx)
        .await?;
    for effect in unsettled {
        let identity = digest_of(&effect.identity)?;
        settle(batch, identity, State::Uncertain, None, SettledBy::Answer).await?;
        let key = match &effect.key_text {
            Some(sealed) => batch.shared.payload.open_value::<Key>("effect key", &effect.id, sealed)?.to_string(),
            None => String::new(),
        };
        let id = run::parse(&run.id)?;
        let call = u32::try_from(effect.call).map_err(|error| Error::unreadable("effect", error))?;
        let generation = u32::try_from(run.generation).map_err(|error| Error::unreadable("run", error))?;
        let new = NewNeed {
            kind: NeedKind::Settle,
            dedupe_key: NeedKind::Settle.of_call(id, generation, call),
            automation: Some(run.automation_id.parse().map_err(|error| Error::unreadable("automation id", error))?),
            run: Some(id),
            call: Some(call),
            effect: Some(identity),
            title: format!("Did {} happen ({key})? Its run was ended before anybody knew", effect.tool),
            evidence: json!({ "tool": effect.tool, "call": call, "key": key }),
        };
        need::open(batch, &new).await?;
    }
    Ok(())
}

impl Command for SettleEffect {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        let identity = identity(batch, self.automation, &self.tool, &self.key);
        let known = batch.effect(identity).await?;
        let taken_over = known.is_some_and(|effect| effect.run_id != self.progress.run.to_string());
        if taken_over && self.state != State::Uncertain {
            // What this run knows is about an earlier performance than the one that is now under way.
            return Ok(());
        }
        settle(batch, identity, self.state, self.outcome.as_ref(), self.by).await?;
        let mut need = self.need.as_ref();
        // The run may have been stopped meanwhile; what is known of the effect stands all the same.
        match run::progress(batch, &self.progress).await {
            Ok(mut run) => {
                run.effects += i64::from(self.state == State::Applied);
                batch.put_run(self.progress.run, run);
            }
            // Nobody will settle it any more.
            Err(Error::Conflict { code: "RUN_TRANSITION", .. }) => need = need.or(self.need_if_over.as_ref()),
            Err(error) => return Err(error),
        }
        if let Some(new) = need {
            let mut new = new.clone();
            new.effect = Some(identity);
            need::open(batch, &new).await?;
        }
        if self.state == State::Uncertain {
            let run = batch.run(self.progress.run).await?;
            let data = json!({ "tool": self.tool.as_str(), "effect": identity.to_string() });
            batch.run_event("effect.uncertain", &run, data).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Claims an effect. Answered with `Perform`, its start is on the disk.
    pub async fn begin_effect(&self, begin: BeginEffect) -> Result<Ticket<Begun>, Error> {
        self.enqueue(begin).await
    }

    /// Stores what is now known about an effect.
    pub async fn settle_effect(&self, settle: SettleEffect) -> Result<Ticket<()>, Error> {
        self.enqueue(settle).await
    }

    /// Effects of a run, in the order of their calls.
    pub async fn effects_of(&self, run: RunId) -> Result<Vec<Effect>, Error> {
        let rows = row::Entity::find()
            .filter(row::Column::RunId.eq(run.to_string()))
            .order_by_asc(row::Column::Call)
            .all(self.reader())
            .await?;
        rows.into_iter().map(|row| self.effect_view(row)).collect()
    }

    /// Effects in a state, newest first; of all states when none is given.
    pub async fn effects(
        &self,
        automation: Option<AutomationId>,
        state: Option<State>,
        before: Option<EffectId>,
        most: u64,
    ) -> Result<Vec<Effect>, Error> {
        let mut query = row::Entity::find().order_by_desc(row::Column::Id).limit(most);
        if let Some(automation) = automation {
            query = query.filter(row::Column::AutomationId.eq(automation.to_string()));
        }
        if let Some(state) = state {
            query = query.filter(row::Column::State.eq(state.as_str()));
        }
        if let Some(before) = before {
            query = query.filter(row::Column::Id.lt(before.to_string()));
        }
        query.all(self.reader()).await?.into_iter().map(|row| self.effect_view(row)).collect()
    }

    fn effect_view(&self, row: row::Model) -> Result<Effect, Error> {
        let key = row.key_text.as_ref().map(|sealed| {
            self.shared().payload.open_value::<Key>("effect key", &row.id, sealed).map(|key| key.to_string())
        });
        Ok(Effect {
            state: state_of(&row)?,
            key: key.transpose()?,
            id: row.id,
            automation: row.automation_id,
            tool: row.tool,
            run: row.run_id,
            call: row.call,
            settled_by: row.settled_by,
            performances: row.performances,
            suppressions: row.suppressions,
            started_at: Timestamp::from_millis(row.started_at),
            settled_at: row.settled_at.map(Timestamp::from_millis),
        })
    }
}
