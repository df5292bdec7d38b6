//! A need as it is shown outside of Steward's own screens: in plain words, with nothing secret in it.

use intents::Timestamp;
use intents::need::{Choice, Kind, default_of};
use intents::redact::{Policy, redact, redact_text};
use serde_json::{Value, json};

use crate::store::{Error, Need, Store};

/// A need, ready to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The need.
    pub need: Need,
    /// What is asked.
    pub title: String,
    /// What is known.
    pub evidence: Value,
    /// When its default comes into force.
    pub expires_at: Option<Timestamp>,
    /// What it then becomes.
    pub default: Option<Choice>,
}

impl Asked {
    /// Reads what is asked; of an approval that is what the yes would be for.
    pub async fn of(store: &Store, need: Need) -> Result<Self, Error> {
        let (mut evidence, mut expires_at) = (need.evidence.clone(), need.expires_at);
        if need.kind == Kind::Approve {
            let approval = store.approval_of_need(need.id).await?;
            expires_at = Some(approval.expires_at);
            evidence = match approval.asked {
                None => json!({ "erased": true }),
                Some(asked) => {
                    let clauses: Vec<_> = asked.grounds.iter().map(|ground| &ground.words).collect();
                    json!({ "tool": approval.tool, "asked": asked.shown, "since": clauses })
                }
            };
        }
        Ok(Self {
            title: redact_text(&need.title, Policy::Secrets),
            evidence: redact(&evidence, &[], Policy::Secrets),
            expires_at,
            default: default_of(need.kind, &need.evidence),
            need,
        })
    }
}
