//! A local Ollama is found by itself, and offered; it is added by a person only.

use std::time::Duration;

use connectors::egress::{Body, Egress, Manner, Outgoing};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use super::provider::{host_of, is_here};

/// Where Ollama listens.
pub const OLLAMA: &str = "http://127.0.0.1:11434";
/// A server on this machine answers at once, or is not there.
const WITHIN: Duration = Duration::from_millis(500);
/// A list of some hundred models.
const LIST_BYTES_MAX: usize = 1 << 20;
/// Models that are shown.
const MODELS_MAX: usize = 100;

/// Models on this machine that nobody has added yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    /// A name for the provider.
    pub name: String,
    /// Its address.
    pub base_url: String,
    /// The models that it has.
    pub models: Vec<String>,
}

#[derive(Deserialize)]
struct Tags {
    models: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

/// Looks whether an Ollama listens on this machine.
pub(super) async fn look(egress: &Egress, at: &Url) -> Option<Offer> {
    if !is_here(at) {
        return None;
    }
    let host = host_of(at);
    let nowhere_else = |next: &Url| host_of(next) == host;
    let outgoing = Outgoing {
        method: Method::GET,
        url: at.join("api/tags").ok()?,
        headers: HeaderMap::new(),
        body: None,
        manner: Manner::Read(&nowhere_else),
        deadline: WITHIN,
        private_hosts: std::slice::from_ref(&host),
        credential: None,
        answer_bytes_max: LIST_BYTES_MAX,
        trace_parent: None,
    };
    let answer = egress.send(outgoing).await.ok().filter(|answer| answer.status == 200)?;
    let Body::Whole(bytes) = answer.body else { return None };
    let tags: Tags = serde_json::from_slice(&bytes).ok()?;
    let models = tags.models.into_iter().map(|tag| tag.name).take(MODELS_MAX).collect();
    let base_url = at.join("v1").ok()?.to_string();
    Some(Offer { name: "ollama".to_owned(), base_url, models })
}
