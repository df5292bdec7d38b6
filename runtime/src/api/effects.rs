//! Effects: what happened under each key.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use intents::effect::State;
use intents::redact::{Policy, redact_text};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::faces::Faces;
use super::page::{self, Paging};
use super::problem::Problem;
use crate::error::Error;
use crate::store::Effect;

/// An effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// Its id.
    pub id: String,
    /// Whose effect it is.
    pub automation: String,
    /// The tool.
    pub tool: String,
    /// The key in words; none when it was erased.
    pub key: Option<String>,
    /// `started`, `applied`, `not_applied` or `uncertain`.
    pub state: String,
    /// The run that claimed it last.
    pub run: String,
    /// The number of the call in that run.
    pub call: i64,
    /// Who knew what became of it: `answer`, `service` or `person`.
    pub settled_by: Option<String>,
    /// How often it was sent.
    pub performances: i64,
    /// How often another item asked for the same.
    pub suppressions: i64,
    /// When it was started last.
    pub started_at: String,
    /// When it was settled.
    pub settled_at: Option<String>,
}

/// A page of effects, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectPage {
    /// The effects.
    pub items: Vec<EffectView>,
    /// The `before` of the next page, if there is one.
    pub next: Option<String>,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        Self {
            id: effect.id,
            automation: effect.automation,
            tool: effect.tool,
            key: effect.key.map(|key| redact_text(&key, Policy::Secrets)),
            state: effect.state.to_string(),
            run: effect.run,
            call: effect.call,
            settled_by: effect.settled_by,
            performances: effect.performances,
            suppressions: effect.suppressions,
            started_at: effect.started_at.to_string(),
            settled_at: effect.settled_at.map(|at| at.to_string()),
        }
    }
}

/// Which effects to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only of this automation: its id or name.
    automation: Option<String>,
    /// Only in this state.
    state: Option<String>,
}

/// Lists effects, newest first.
#[utoipa::path(tag = "effects", params(Filter, Paging), responses(
    (status = 200, description = "A page of effects", body = EffectPage),
    (status = 400, description = "The filter makes no sense", body = Problem, content_type = "application/problem+json"),
))]
#[get("/v1/effects")]
pub(super) async fn list(
    faces: Data<Faces>,
    filter: Query<Filter>,
    paging: Query<Paging>,
) -> Result<Json<EffectPage>, Error> {
    let store = &faces.app.store;
    let automation = match &filter.automation {
        Some(which) => Some(store.automation(which).await?.id),
        None => None,
    };
    let state = |text: &String| text.parse::<State>().map_err(|_| page::malformed("state", text));
    let state = filter.state.as_ref().map(state).transpose()?;
    let found = store.effects(automation, state, paging.before()?, paging.look_for()).await?;
    let (items, next) = paging.cut(found, |effect| effect.id.clone());
    Ok(Json(EffectPage { items: items.into_iter().map(EffectView::from).collect(), next }))
}
