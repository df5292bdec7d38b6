//! Waiting for a run, longer than one request may take.

use std::time::Duration;

use intents::Timestamp;
use serde_json::Value;

use crate::api::RunDetail;
use crate::cli::client::{Client, shaped};
use crate::cli::progress::Progress;
use crate::env::Env;
use crate::error::Error;

/// One request waits this long.
const STEP: Duration = Duration::from_secs(20);

/// Waits until a run is over, needs a person, or the time is up.
pub(super) async fn wait(client: &Client, env: &Env, mut answer: Value, limit: Duration) -> Result<Value, Error> {
    let deadline: Timestamp = env.now() + limit;
    let mut detail: RunDetail = shaped(&answer)?;
    let mut progress = Progress::begin(&format!("{} is {} …", detail.run.id, detail.run.phase));
    loop {
        let left = deadline.since(env.now());
        let over = ["succeeded", "failed", "stopped", "skipped"].contains(&detail.run.phase.as_str());
        let for_person = detail.waits.iter().any(|wait| wait.need.is_some());
        let sleeps_on = detail.run.phase == "waiting"
            && detail
                .waits
                .iter()
                .filter_map(|wait| wait.until.as_ref()?.parse::<jiff::Timestamp>().ok())
                .min()
                .is_some_and(|until| Timestamp::from_jiff(until) > deadline);
        if over || for_person || sleeps_on || left.is_zero() {
            return Ok(answer);
        }
        let wait_ms = left.min(STEP).as_millis().max(1).to_string();
        let id = detail.run.id.clone();
        answer = client.get_with(&["v1", "runs", &id], &[("wait_ms", wait_ms)]).await?;
        detail = shaped(&answer)?;
        // A run that sleeps beyond one request is answered at once; it is looked at again in a moment.
        if detail.run.phase == "waiting" {
            env.sleep(Duration::from_millis(200).min(left)).await;
        }
        progress.say(&format!("{} is {}, {} calls …", detail.run.id, detail.run.phase, detail.run.calls));
    }
}
