//! Effects as people see them.

use intents::Timestamp;
use intents::effect::{Key, State};
use intents::id::{AutomationId, EffectId, RunId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entry::state_of;
use crate::store::db::Queries;
use crate::store::rows::effect as row;
use crate::store::{Error, Store};

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

impl Store {
    /// Effects of a run, in the order of their calls.
    pub async fn effects_of(&self, run: RunId) -> Result<Vec<Effect>, Error> {
        let rows = self
            .reader()
            .all(row::Entity::find().filter(row::Column::RunId.eq(run.to_string())).order_by_asc(row::Column::Call))
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
        self.reader().all(query).await?.into_iter().map(|row| self.effect_view(row)).collect()
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
