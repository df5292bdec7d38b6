//! The check at the start after an upgrade, before anything runs.

use std::collections::VecDeque;
use std::time::Duration;

use intents::Timestamp;
use intents::id::AutomationId;

use super::check::{Found, Grounds, Summary, bench_of, found_of, pins, uncheckable, upset};
use crate::executor::Trouble;
use crate::store::{self, Automation};

/// How soon a check is tried again that the store did not take.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What the start has left to do.
pub(crate) type Left = Vec<AutomationId>;

/// Replays the golden runs of all active automations, when the last check was made with something else. Says nothing
/// where there is nothing to check. An automation that would do something else is paused and asked about. The start waits
/// for so long; what is left then is held back, and it is said how many golden runs that are.
pub(crate) async fn check_at_start(
    grounds: &Grounds,
    longest: Duration,
) -> Result<Option<(Summary, Left)>, store::Error> {
    let stale = grounds.store.automations_with_stale_goldens(&pins()).await?;
    let until = grounds.env.now() + longest;
    let (mut summary, mut left, mut is_any) = (Summary::default(), Vec::new(), false);
    for id in stale {
        let automation = match grounds.store.automation(&id.to_string()).await {
            Ok(automation) if automation.mode.works() => automation,
            // It is checked when it is resumed.
            Ok(_) | Err(store::Error::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        };
        is_any = true;
        match check_stale(grounds, &automation, Some(until)).await {
            Ok(Some(found)) => summary.count(&found),
            Ok(None) => {
                summary.unchecked += count(grounds, id).await?;
                left.push(id);
            }
            Err(Trouble::Store(error)) => return Err(error),
            Err(trouble @ (Trouble::Jail { .. } | Trouble::Unfit { .. } | Trouble::Broken { .. })) => {
                tracing::error!(automation = %id, error = %trouble, "golden runs could not be checked");
                summary.unchecked += count(grounds, id).await?;
                left.push(id);
            }
        }
    }
    grounds.store.hold_back(&left);
    Ok(is_any.then_some((summary, left)))
}

/// Goes on with what the start had no time for. Each automation runs again as soon as it is checked; one that cannot be
/// checked is paused and asked about.
pub(crate) async fn go_on(grounds: Grounds, left: Left) {
    let mut left = VecDeque::from(left);
    while let Some(id) = left.pop_front() {
        if let Err(error) = check_left(&grounds, id).await {
            // It stays held back until the store takes what was found.
            tracing::error!(automation = %id, %error, "golden runs could not be checked; tried again soon");
            left.push_back(id);
            grounds.env.clock.sleep_until(grounds.env.now() + TRY_AGAIN_AFTER).await;
        }
    }
}

async fn check_left(grounds: &Grounds, id: AutomationId) -> Result<(), store::Error> {
    let automation = match grounds.store.automation(&id.to_string()).await {
        // It is checked when it is resumed.
        Ok(automation) if !automation.mode.works() => return grounds.store.let_run(id).await,
        Ok(automation) => automation,
        Err(store::Error::NotFound { .. }) => return grounds.store.let_run(id).await,
        Err(error) => return Err(error),
    };
    match check_stale(grounds, &automation, None).await {
        Ok(_) => {}
        Err(Trouble::Store(error)) => return Err(error),
        Err(trouble @ (Trouble::Jail { .. } | Trouble::Unfit { .. } | Trouble::Broken { .. })) => {
            grounds.store.note_goldens(Vec::new(), Some(uncheckable(&automation, &trouble))).await?;
        }
    }
    grounds.store.let_run(id).await
}

async fn count(grounds: &Grounds, automation: AutomationId) -> Result<u32, store::Error> {
    Ok(u32::try_from(grounds.store.goldens(Some(automation)).await?.len()).unwrap_or(u32::MAX))
}

/// Checks the golden runs of an automation that were last checked with something else, and pauses it where something
/// differs that a person has not seen. All of it is noted in one commit: whoever dies in the middle begins again. None
/// when there was no time.
pub(crate) async fn check_stale(
    grounds: &Grounds,
    automation: &Automation,
    until: Option<Timestamp>,
) -> Result<Option<Vec<Found>>, Trouble> {
    let now = pins();
    let goldens = grounds.store.goldens(Some(automation.id)).await?;
    let stale: Vec<_> = goldens.into_iter().filter(|golden| golden.pins.as_ref() != Some(&now)).collect();
    if stale.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let bench = bench_of(grounds, automation).await?;
    let mut found = Vec::with_capacity(stale.len());
    for golden in stale {
        if until.is_some_and(|until| grounds.env.now() >= until) {
            return Ok(None);
        }
        found.push(found_of(&bench, golden).await?);
    }
    let checked = found.iter().map(Found::checked).collect();
    grounds.store.note_goldens(checked, upset(automation, &found)).await?;
    Ok(Some(found))
}
