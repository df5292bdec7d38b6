//! Asks about a record of events that was changed from outside.

use intents::need::Kind;
use serde_json::json;

use crate::store::NewNeed;

/// What the store found at its start.
pub(super) fn need(alarm: &str) -> NewNeed {
    NewNeed {
        kind: Kind::Internal,
        dedupe_key: "record".to_owned(),
        automation: None,
        run: None,
        call: None,
        effect: None,
        title: "The record of events was changed from outside".to_owned(),
        evidence: json!({ "alarm": alarm, "what_to_do": "run `steward audit verify`, which says what differs" }),
    }
}
