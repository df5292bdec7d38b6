//! Effects in a simulated world: claimed in its ledger, performed outside, settled by their identity.

use std::sync::Arc;
use std::time::Duration;

use intents::canonical::Digest;
use intents::effect::{Admission, Claim, Key, admit};
use intents::failure::Class;
use intents::label::Labels;
use intents::outcome::{Outcome, Refusal};
use serde_json::Value;

use super::execution::{Execution, Step, Trying};
use super::host_calls::failed;
use super::outside;
use super::plan::{Clash, Mishap};

/// How long it takes until an uncertain effect is settled.
const SETTLED_AFTER: Duration = Duration::from_secs(15 * 60);

impl Execution<'_, '_> {
    /// The key and the identity of an effect.
    pub(super) fn identity(&self, trying: &Trying) -> (Key, Digest) {
        let of_call = || Key::of_call(self.plan.run, self.plan.generation, trying.wish.call);
        let key = trying.wish.given_key.clone().unwrap_or_else(of_call);
        let identity = key.identity(self.bench.automation(), &trying.wish.definition.name);
        (key, identity)
    }

    /// Performs an effect, if the ledger lets it.
    pub(super) fn effect(&mut self, trying: &Trying, mishap: Option<&Mishap>) -> Step {
        let (key, identity) = self.identity(trying);
        let claim = Claim {
            run: self.plan.run,
            call: trying.wish.call,
            item: self.plan.item,
            arguments: Digest::of(trying.wish.arguments.canonical().as_bytes()),
        };
        match admit(self.memory.prior(identity).as_ref(), &claim, None) {
            Admission::Perform => self.perform(trying, identity, claim, mishap),
            Admission::GiveBack { suppressed } => {
                let Some(entry) = self.memory.entry(identity) else {
                    return self.perform(trying, identity, claim, mishap);
                };
                // The same item gets its outcome back whatever it asks: in one run, the second thing is left out unseen.
                let within_run =
                    !suppressed && entry.claim.run == claim.run && entry.claim.arguments != claim.arguments;
                let outcome = entry.outcome.as_deref().cloned().unwrap_or(Outcome::Value(Value::Null));
                if within_run && self.started_here.contains(&identity) {
                    self.clashes.push(Clash { tool: trying.wish.definition.name.clone(), key, within_run: true });
                }
                self.memory.suppressions += u32::from(suppressed);
                Step::Outcome(outcome, Labels::new())
            }
            Admission::KeyConflict => {
                self.clashes.push(Clash { tool: trying.wish.definition.name.clone(), key, within_run: false });
                Step::Fails(failed(Class::Logic, "KEY_CONFLICT"))
            }
            // Asking the service and a person who knows come to the same: the truth.
            Admission::Settle { .. } | Admission::WaitFor(_) | Admission::Forgotten(_) => {
                self.now = self.now + SETTLED_AFTER;
                let happened = self.memory.happened(identity).cloned();
                self.memory.settle(identity, happened.clone());
                match happened {
                    Some(outcome) => Step::Outcome((*outcome).clone(), Labels::new()),
                    None => self.perform(trying, identity, claim, mishap),
                }
            }
        }
    }

    fn perform(&mut self, trying: &Trying, identity: Digest, claim: Claim, mishap: Option<&Mishap>) -> Step {
        let (wish, Some(tool)) = (&trying.wish, &trying.tool) else {
            return Step::Fails(failed(Class::Internal, "TOOL_UNKNOWN"));
        };
        let canonical = wish.arguments.canonical();
        let key = wish.given_key.as_ref().map(Key::canonical);
        let deed = outside::deed(tool.as_ref(), wish.arguments.value(), canonical, key);
        self.memory.start(identity, claim, self.now, deed);
        self.started_here.insert(identity);
        self.moment();
        if let Some(Mishap::Refused { code }) = mishap {
            self.memory.settle(identity, None);
            return Step::Outcome(refused(code), Labels::new());
        }
        if let Some(Mishap::Uncertain { done }) = mishap {
            self.now = self.now + SETTLED_AFTER;
            if !done {
                self.memory.settle(identity, None);
                return Step::Again;
            }
        }
        let outcome = Arc::new(self.outside.effect(self.bench, &wish.definition, canonical));
        self.memory.perform(identity, &outcome);
        self.moment();
        self.memory.settle(identity, Some(Arc::clone(&outcome)));
        Step::Outcome((*outcome).clone(), outside::labels(&wish.definition, wish.arguments.value()))
    }
}

/// A domain answer.
pub(super) fn refused(code: &str) -> Outcome {
    Outcome::Refused(Refusal { code: code.to_owned(), message: format!("the service said {code}"), data: Value::Null })
}
