//! Outcomes on their way to the script.

use intents::{canonical, outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// What a call came to, with its data as JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Value(String),
    Refused { code: String, message: String, data: String },
    Skipped { clause: String },
}

/// The recorded outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settled {
    pub(crate) order: u32,
    pub(crate) outcome: Outcome,
    pub(crate) at: i64,
}

/// Makes text of an outcome.
pub(crate) fn outcome(outcome: &outcome::Outcome, bytes_max: u32) -> Result<Outcome, Error> {
    Ok(match outcome {
        outcome::Outcome::Value(value) => Outcome::Value(text(value, "an outcome", bytes_max)?),
        outcome::Outcome::Refused(refusal) => Outcome::Refused {
            code: refusal.code.clone(),
            message: refusal.message.clone(),
            data: text(&refusal.data, "the data of a refusal", bytes_max)?,
        },
        outcome::Outcome::Skipped { clause } => Outcome::Skipped { clause: clause.clone() },
    })
}

/// Makes JSON text of a value that a script can hold exactly.
pub(crate) fn text(value: &Value, what: &'static str, bytes_max: u32) -> Result<String, Error> {
    if let Some(path) = canonical::first_inexact(value) {
        return Err(Error::Inexact { path });
    }
    let text = value.to_string();
    if text.len() > bytes_max as usize {
        return Err(Error::TooLong { what, limit: bytes_max.into() });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_that_would_be_rounded_is_refused_with_its_place() {
        let refused = text(&json!({ "rows": [{ "id/x": 9_007_199_254_740_993_u64 }] }), "an outcome", 1000);
        assert!(matches!(refused, Err(Error::Inexact { path }) if path == "/rows/0/id~1x"));
        assert!(text(&json!([9_007_199_254_740_992_u64, -1, 0.1, u64::MAX - 2047, i64::MIN]), "it", 1000).is_ok());
        assert!(text(&json!(u64::MAX), "it", 1000).is_err());
    }

    #[test]
    fn an_outcome_has_a_bound() {
        assert!(matches!(text(&json!("x".repeat(99)), "it", 100), Err(Error::TooLong { limit: 100, .. })));
    }
}
