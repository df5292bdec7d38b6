//! Whom to tell when a part is given up.

use futures_util::future::BoxFuture;
use intents::need::Kind;
use serde_json::json;

use crate::store::{NewNeed, Store};

/// Is told when a part is given up, and when one works that may have been given up before.
pub trait Escalation: Send + Sync {
    /// A part died too often.
    fn gave_up(&self, part: &str, reason: &str) -> BoxFuture<'static, ()>;

    /// A part has lived for a while.
    fn recovered(&self, part: &str) -> BoxFuture<'static, ()>;
}

/// Asks the person by a need, and withdraws it when the part works again.
#[derive(Debug, Clone)]
pub struct NeedsOfParts(pub Store);

/// One part, one need.
fn dedupe_key(part: &str) -> String {
    format!("actor:{part}")
}

impl Escalation for NeedsOfParts {
    fn gave_up(&self, part: &str, reason: &str) -> BoxFuture<'static, ()> {
        let store = self.0.clone();
        let need = NewNeed {
            kind: Kind::Internal,
            dedupe_key: dedupe_key(part),
            automation: None,
            run: None,
            call: None,
            effect: None,
            title: format!("The part `{part}` of Steward has stopped working; start Steward again"),
            evidence: json!({ "part": part, "reason": reason }),
        };
        Box::pin(async move {
            if let Err(error) = store.open_need(need).await {
                tracing::error!(error = &error as &dyn std::error::Error, "nobody could be asked about a part");
            }
        })
    }

    fn recovered(&self, part: &str) -> BoxFuture<'static, ()> {
        let (store, key) = (self.0.clone(), dedupe_key(part));
        Box::pin(async move {
            if let Err(error) = store.withdraw_need(&key).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the need of a part stays open");
            }
        })
    }
}
