//! What an engine makes in a run, and leaves behind for people.

use actix_web::put;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use actix_web::{FromRequest, HttpRequest, dev};
use intents::canonical::Digest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::held::{Held, name};
use crate::api::body::whole;
use crate::api::faces::Faces;
use crate::api::problem::Problem;
use crate::error::{Code, Error};
use crate::store::{self, Artifact, NewArtifact};

/// One artifact; more is several.
const ARTIFACT_BYTES_MAX: usize = 8 << 20;
/// What is not said to be anything is bytes.
const MEDIA_TYPE: &str = "application/octet-stream";

/// Something that an engine made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactView {
    /// Its id.
    pub id: String,
    /// The run.
    pub run: String,
    /// The attempt whose holder made it.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// What it is, as the engine says.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// The BLAKE3 digest of its bytes.
    pub digest: String,
    /// When it was stored.
    pub created_at: String,
}

impl From<Artifact> for ArtifactView {
    fn from(artifact: Artifact) -> Self {
        Self {
            id: artifact.id.to_string(),
            run: artifact.run.to_string(),
            attempt: artifact.attempt,
            name: artifact.name,
            media_type: artifact.media_type,
            size: artifact.size,
            digest: artifact.digest.to_string(),
            created_at: artifact.created_at.to_string(),
        }
    }
}

/// What it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Described {
    /// Its media type, such as `text/csv`.
    media_type: Option<String>,
}

/// Stores something that the engine made. The same again under the same name is the same.
#[utoipa::path(tag = "engines", security(("engine" = [])), params(
    ("run" = String, Path, description = "Its id"),
    ("name" = String, Path, description = "The name of the artifact"),
    Described,
), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 200, description = "It is stored", body = ArtifactView),
    (status = 409, description = "The lease is over, the run has not begun, or the name is taken", body = Problem, content_type = "application/problem+json"),
    (status = 413, description = "It is too large, or the run has too many", body = Problem, content_type = "application/problem+json"),
))]
#[put("/v1/engines/runs/{run}/artifacts/{name}")]
pub(in crate::api) async fn put_artifact(
    faces: Data<Faces>,
    held: Held,
    path: Path<(String, String)>,
    described: Query<Described>,
    body: Blob,
) -> Result<Json<ArtifactView>, Error> {
    let media_type = described.media_type.as_deref().unwrap_or(MEDIA_TYPE);
    let attempt = held.0.may_store()?;
    let new = NewArtifact {
        run: held.0.run(),
        attempt,
        name: name("an artifact", &path.1)?,
        media_type: media(media_type)?,
        bytes: body.0.to_vec(),
    };
    match faces.app.store.put_artifact(new).await {
        Ok(artifact) => Ok(Json(artifact.into())),
        Err(store::Error::Conflict { code: "ENGINE_LIMIT", reason }) => Err(Error::new(Code::EngineLimit, reason)),
        Err(store::Error::Conflict { code: "NAME_REUSED", reason }) => Err(Error::new(Code::NameReused, reason)),
        Err(store::Error::Conflict { code: "RUN_TRANSITION", reason }) => Err(Error::new(Code::LeaseLost, reason)),
        Err(error) => Err(error.into()),
    }
}

/// The bytes of an artifact.
pub(in crate::api) struct Blob(Bytes);

impl FromRequest for Blob {
    type Error = Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let bytes = whole(request, payload);
        Box::pin(async move {
            let bytes = bytes.await?;
            if bytes.len() > ARTIFACT_BYTES_MAX {
                let message = format!("an artifact has at most {ARTIFACT_BYTES_MAX} bytes");
                return Err(Error::new(Code::BodyTooLarge, message));
            }
            Ok(Self(bytes))
        })
    }
}

/// A media type that can stand in a header.
fn media(text: &str) -> Result<String, Error> {
    let sound = text.len() <= 100
        && text.split('/').count() == 2
        && text.split('/').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
        });
    if sound {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Error::new(Code::EngineReport, "the media type has the form `text/csv`, without parameters"))
}

/// The digest by which a download is known to be whole.
pub(in crate::api) fn entity_tag(digest: Digest) -> String {
    format!("\"{digest}\"")
}
