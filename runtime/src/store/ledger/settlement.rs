//! Settlements: what is known about an effect, once it is known.

use std::sync::Arc;

use intents::canonical::Digest;
use intents::effect::{Key, State};
use intents::id::AutomationId;
use intents::need::Kind as NeedKind;
use intents::outcome::Outcome;
use intents::tool::Name;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;

use super::entry::{identity, state_of};
use crate::store::batch::Batch;
use crate::store::db::Queries;
use crate::store::event::digest_of;
use crate::store::need::{self, NewNeed};
use crate::store::rows::{effect as row, rate_mark, run as run_row};
use crate::store::run::{self, Progress};
use crate::store::writer::{Command, Ticket};
use crate::store::{Error, Store, approval, inbox};

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
    pub outcome: Option<Arc<Outcome>>,
    /// Who knew.
    pub by: SettledBy,
    /// What to ask the person, when nobody knows.
    pub need: Option<NewNeed>,
    /// What to ask the person, when nobody knows and the run was ended meanwhile.
    pub need_if_over: Option<NewNeed>,
}

impl Command for SettleEffect {
    type Reply = ();

    async fn apply(&self, batch: &mut Batch<'_>) -> Result<(), Error> {
        run::refuse_shadow(&batch.run(self.progress.run).await?)?;
        let identity = identity(batch, self.automation, &self.tool, &self.key);
        let known = batch.effect(identity).await?;
        let taken_over = known.is_some_and(|effect| effect.run_id != self.progress.run.to_string());
        if taken_over && self.state != State::Uncertain {
            // What this run knows is about an earlier performance than the one that is now under way.
            return Ok(());
        }
        settle(batch, identity, self.state, self.outcome.as_deref(), self.by).await?;
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

/// Stores what is now known about an effect of the ledger.
pub(in crate::store) async fn settle(
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
        batch.tx.change(rate_mark::Entity::delete_many().filter(rate_mark::Column::Effect.eq(&effect.id))).await?;
        approval::give_back(batch, &effect.id).await?;
    }
    batch.put_effect(identity, effect.clone());
    Ok(effect)
}

/// Asks about every effect of a run that ends without anybody who would settle it.
pub(in crate::store) async fn ask_about_unsettled(batch: &mut Batch<'_>, run: &run_row::Model) -> Result<(), Error> {
    let unsettled = batch
        .tx
        .all(
            row::Entity::find()
                .filter(row::Column::RunId.eq(&run.id))
                .filter(row::Column::State.is_in([State::Started, State::Uncertain].map(State::as_str))),
        )
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

impl Store {
    /// Stores what is now known about an effect.
    pub async fn settle_effect(&self, settle: SettleEffect) -> Result<Ticket<()>, Error> {
        self.enqueue(settle).await
    }
}
