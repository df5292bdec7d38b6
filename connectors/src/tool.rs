//! What every tool can do.

use async_trait::async_trait;
use intents::approval::Content;
use intents::outcome::Failure;
use intents::tool::{Definition, Identity, Kind};
use serde_json::Value;

use crate::{Call, DeclaredIdentity, Fault, Performed, Settlement, Touches};

/// One tool: its definition and what performs it.
#[async_trait]
pub trait Tool: Send + Sync {
    /// The one definition from which the check at the boundary, the documentation and the gate's vocabulary come.
    fn definition(&self) -> &Definition;

    /// How it can be known whether an effect with these arguments happened; `None` for a read.
    ///
    /// `declared` is what the contract's capability says about the service, where the tool cannot know it.
    fn identity(&self, arguments: &Value, declared: Option<&DeclaredIdentity>) -> Option<Identity> {
        let (_, _) = (arguments, declared);
        match self.definition().kind {
            Kind::Read => None,
            Kind::Effect(identity) => Some(identity),
        }
    }

    /// What a call with these arguments does to files of granted folders.
    fn touches(&self, arguments: &Value) -> Touches {
        let _ = arguments;
        Touches::default()
    }

    /// The files that the arguments name and whose content the effect is about, as they are now: what a person who is
    /// asked says yes to. Performed with other content, the call is refused.
    async fn contents(&self, call: &Call) -> Result<Vec<Content>, Failure> {
        let _ = call;
        Ok(Vec::new())
    }

    /// Performs the call once. Nothing is retried in here.
    async fn perform(&self, call: &Call) -> Result<Performed, Fault>;

    /// Settles an uncertain effect: asks the service, or performs it again where its identity makes that safe.
    ///
    /// A failure says why it could not be settled; it proves nothing about the effect, which stays uncertain.
    async fn settle(&self, call: &Call) -> Result<Settlement, Failure> {
        let _ = call;
        Ok(Settlement::Unknown)
    }
}
