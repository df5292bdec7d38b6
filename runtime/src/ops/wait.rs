//! Waiting for a run to come to something.

use std::time::Duration;

use intents::Timestamp;
use intents::id::RunId;
use intents::run::Phase;

use crate::app::App;
use crate::error::Error;
use crate::store::Run;

/// Waits until a run is over, or can only go on when a person answers, or the time is up; then says how it is.
///
/// A run that sleeps for longer than the time that is left is not waited for.
pub async fn wait_for_run(app: &App, id: RunId, limit: Duration) -> Result<Run, Error> {
    let deadline = app.env.now() + limit;
    let mut events = app.store.signals().events;
    let up = app.env.clock.sleep_until(deadline);
    tokio::pin!(up);
    loop {
        events.mark_unchanged();
        let run = app.store.run(id).await?;
        if is_settled(app, &run, deadline).await? {
            return Ok(run);
        }
        tokio::select! {
            changed = events.changed() => if changed.is_err() { return Ok(run) },
            () = &mut up => return Ok(app.store.run(id).await?),
        }
    }
}

async fn is_settled(app: &App, run: &Run, deadline: Timestamp) -> Result<bool, Error> {
    Ok(match run.phase {
        Phase::Succeeded | Phase::Failed | Phase::Stopped | Phase::Skipped => true,
        Phase::Queued | Phase::Running => false,
        Phase::Waiting => {
            let waits = app.store.waits_of(run.id).await?;
            let for_person = waits.iter().any(|wait| wait.need.is_some());
            let soonest = waits.iter().filter_map(|wait| wait.until).min();
            for_person || soonest.is_some_and(|until| until > deadline)
        }
    })
}
