//! The gate in its parts. What it says as a whole is compared with a second gate in `intents/tests/oracle`.

mod capability;
mod count;
mod order;
mod rows;

use serde_json::Value;

use super::{Call, Circumstances};
use crate::Timestamp;
use crate::effect::Key;
use crate::label::Labels;
use crate::tool::Definition;

fn call<'a>(definition: &'a Definition, arguments: &'a Value, key: Option<&'a Key>) -> Call<'a> {
    Call { definition, arguments, key }
}

/// Nothing was read, and nothing is the matter.
fn calm(labels: &Labels) -> Circumstances<'_> {
    Circumstances { now: Timestamp::EPOCH, major: 1, reads: &[], reread: &[], labels }
}
