//! `replay`: what a proposal does on the run that failed.

use serde_json::json;

use super::propose::Change;
use super::{Came, Desk, told};
use crate::error::Error;
use crate::explore::{End, Looked};
use crate::maintainer::trial;
use crate::models::fenced;
use crate::planner::conversation::shortened;

/// Characters of what a model is told.
const TOLD_CHARS: usize = 24_000;

pub(super) async fn replay(desk: &Desk<'_>, change: &Change) -> Result<Came, Error> {
    let version = match change.version(desk) {
        Ok(version) => version,
        Err(why) => return Ok(told(why)),
    };
    let Looked { end, recorded, made, logs } =
        trial::on_failing_run(desk.app, desk.evidence, desk.recorded(), &version).await?;
    let shown = match end {
        End::Finished(value) => json!({ "returned": value, "calls": made, "log": logs }),
        End::Failed(failure) => json!({ "failed": failure.message, "code": failure.code, "calls": made, "log": logs }),
    };
    let text = fenced(&shortened(&desk.evidence.value(&shown), TOLD_CHARS));
    Ok(Came::Told { text, recorded })
}
