//! Asking a person: what the yes is bound to, what is shown, and what the script learns of a no.

use intents::approval::{Binding, LIFE_DEFAULT};
use intents::outcome::{Outcome, Refusal};
use serde_json::json;

use super::Attempt;
use crate::executor::call::{Admitted, EffectCall, Kind};
use crate::executor::context::Trouble;
use crate::executor::wording;
use crate::store::{Because, Ground, NewApproval, No};

/// The code under which a script learns that a person said no, or nobody answered.
const NOT_APPROVED: &str = "not_approved";

impl Attempt {
    /// Everything that, were it another, would make the effect another.
    pub(super) fn binding(&self, admitted: &Admitted, effect: &EffectCall) -> Result<Binding, Trouble> {
        let context = &self.context;
        let mut contracts = vec![context.run.contract];
        if context.current.is_some() {
            contracts.push(context.automation.contract);
        }
        Ok(Binding {
            run: context.run.id,
            effect: effect.key.identity(context.automation.id, &admitted.definition.name),
            connection: None,
            definition: self.services.schemas(&admitted.definition)?.definition,
            arguments: effect.arguments_digest,
            contents: Vec::new(),
            contracts,
            script: context.run.script,
        })
    }

    /// The question that is put to the person.
    pub(super) fn question(&self, admitted: &Admitted, grounds: Vec<Ground>) -> Result<NewApproval, Trouble> {
        let Kind::Effect(effect) = &admitted.kind else { unreachable!("only effects are asked about") };
        let binding = self.binding(admitted, effect)?;
        Ok(NewApproval {
            automation: self.context.automation.id,
            call: admitted.call,
            tool: admitted.definition.name.clone(),
            grounds,
            envelope: None,
            life: LIFE_DEFAULT,
            title: wording::approval_title(&self.context, admitted),
            shown: json!({
                "tool": admitted.definition.name.as_str(),
                "does": admitted.definition.summary,
                "key": admitted.given_key.as_ref().map(ToString::to_string),
                "arguments": admitted.arguments.value(),
                "allowed_by": admitted.verdict,
                "files": binding.contents,
            }),
            binding,
        })
    }
}

/// What the script learns of a no.
pub(super) fn refusal(no: &No) -> Outcome {
    let message = match no.because {
        Because::Refused => "the person who was asked said no",
        Because::Expired => "nobody answered in time whether this may happen",
    };
    Outcome::Refused(Refusal {
        code: NOT_APPROVED.to_owned(),
        message: message.to_owned(),
        data: json!({ "because": no.because.as_str(), "reason": no.reason }),
    })
}
