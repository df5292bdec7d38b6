//! Erasure of content.

use actix_web::post;
use actix_web::web::{Data, Json};
use intents::effect::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body::Body;
use super::faces::Faces;
use super::guard::Caller;
use super::problem::Problem;
use crate::error::{Code, Error};
use crate::store::{Erased, Erasure};

/// What is to be erased: a run, an automation, or what is known under an effect key of an automation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureBody {
    /// A run: with it go all runs of the same item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The id or name of an automation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automation: Option<String>,
    /// The tool of an effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The key of an effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub key: Option<Value>,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedView {
    /// Runs whose input and journal are gone.
    pub runs: u64,
    /// Effects whose key in words and outcome are gone. That they happened stays known.
    pub effects: u64,
    /// Needs whose words are gone.
    pub needs: u64,
    /// Notices and emitted events that are gone.
    pub messages: u64,
    /// What engines outside have made and left.
    pub artifacts: u64,
    /// Values that the automation remembered.
    pub values: u64,
    /// Runs that are not over: they keep what they have, until they are stopped and erased.
    pub under_way: u64,
}

impl From<Erased> for ErasedView {
    fn from(erased: Erased) -> Self {
        let Erased { runs, effects, needs, messages, artifacts, values, under_way } = erased;
        Self { runs, effects, needs, messages, artifacts, values, under_way }
    }
}

/// Erases content for good: inputs, journals, outcomes and words, by destroying their keys. Ids, states and digests stay,
/// and that an effect happened. Backups that were taken before still hold what was erased.
#[utoipa::path(tag = "runs", request_body = ErasureBody, responses(
    (status = 200, description = "It is erased; a second time there is nothing left to erase", body = ErasedView),
    (status = 404, description = "There is no such thing", body = Problem, content_type = "application/problem+json"),
))]
#[post("/v1/erasures")]
pub(super) async fn erase(
    faces: Data<Faces>,
    caller: Caller,
    body: Body<ErasureBody>,
) -> Result<Json<ErasedView>, Error> {
    let malformed = |message: String| Error::new(Code::BodyMalformed, message);
    let store = &faces.app.store;
    let erasure = match body.0 {
        ErasureBody { run: Some(run), automation: None, tool: None, key: None } => {
            Erasure::Run(super::page::id("run", &run)?)
        }
        ErasureBody { run: None, automation: Some(automation), tool: None, key: None } => {
            Erasure::Automation(store.automation(&automation).await?.id)
        }
        ErasureBody { run: None, automation: Some(automation), tool: Some(tool), key: Some(key) } => Erasure::Key {
            automation: store.automation(&automation).await?.id,
            tool: tool.parse().map_err(|_| malformed(format!("`{tool}` is no name of a tool")))?,
            key: Key::parse(&key).map_err(|error| malformed(error.to_string()))?,
        },
        ErasureBody { .. } => {
            let message = "say `run`, or `automation`, or `automation` with `tool` and `key`";
            return Err(malformed(message.to_owned()));
        }
    };
    Ok(Json(store.erase(erasure, caller.as_str()).await?.into()))
}
