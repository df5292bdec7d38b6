//! The stop of everything.

use actix_web::post;
use actix_web::web::{Data, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::faces::Faces;
use super::guard::Caller;
use crate::error::Error;
use crate::ops::{self, EffectInFlight};

/// An effect that was under way at a stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InFlightView {
    /// The run.
    pub run: String,
    /// The number of the call.
    pub call: i64,
    /// The tool.
    pub tool: String,
    /// The key in words.
    pub key: String,
    /// Since when.
    pub started_at: String,
}

/// Whether everything is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopAllView {
    /// Whether everything is stopped now.
    pub stopped: bool,
    /// When this was acknowledged. Stopped, no effect starts after this.
    pub at: String,
    /// Effects that were under way, of which it is not yet known whether they happened.
    pub in_flight: Vec<InFlightView>,
}

impl From<EffectInFlight> for InFlightView {
    fn from(effect: EffectInFlight) -> Self {
        Self {
            run: effect.run,
            call: effect.call,
            tool: effect.tool,
            key: effect.key,
            started_at: effect.started_at.to_string(),
        }
    }
}

/// Stops everything at once. Acknowledged, no effect starts any more, over restarts too, until it is lifted.
#[utoipa::path(tag = "stop", responses((status = 200, description = "Everything is stopped", body = StopAllView)))]
#[post("/v1/stop")]
pub(super) async fn stop(faces: Data<Faces>, caller: Caller) -> Result<Json<StopAllView>, Error> {
    let stopped = ops::stop_all(&faces.app, caller.as_str()).await?;
    let in_flight = stopped.in_flight.into_iter().map(InFlightView::from).collect();
    Ok(Json(StopAllView { stopped: true, at: stopped.at.to_string(), in_flight }))
}

/// Lifts the stop of everything. An automation that was stopped by itself stays stopped.
#[utoipa::path(tag = "stop", responses((status = 200, description = "The stop is lifted", body = StopAllView)))]
#[post("/v1/resume")]
pub(super) async fn resume(faces: Data<Faces>, caller: Caller) -> Result<Json<StopAllView>, Error> {
    ops::resume_all(&faces.app, caller.as_str()).await?;
    Ok(Json(StopAllView { stopped: false, at: faces.app.env.now().to_string(), in_flight: Vec::new() }))
}
