//! What a contract answers in place of a tool: refusals that a script may catch.

use intents::outcome::{Outcome, Refusal};
use serde_json::json;

use crate::store::Because;

/// The code under which a script learns that what its call is bound to is not so any more.
const STALE: &str = "stale";
/// The code under which a script learns of a no.
const NOT_APPROVED: &str = "not_approved";

/// What the script learns when the row that a call is bound to has changed.
pub(crate) fn stale(clause: &str) -> Outcome {
    Outcome::Refused(Refusal {
        code: STALE.to_owned(),
        message: "what this call is bound to was read again, and is not so any more".to_owned(),
        data: json!({ "clause": clause }),
    })
}

/// What the script learns of a no.
pub(crate) fn not_approved(because: Because, reason: Option<&str>) -> Outcome {
    let message = match because {
        Because::Refused => "the person who was asked said no",
        Because::Expired => "nobody answered in time whether this may happen",
    };
    Outcome::Refused(Refusal {
        code: NOT_APPROVED.to_owned(),
        message: message.to_owned(),
        data: json!({ "because": because.as_str(), "reason": reason }),
    })
}
