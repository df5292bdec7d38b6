//! The stop, and what is gentler than it.

use std::time::Duration;

use intents::Timestamp;
use intents::effect::State;
use intents::id::{AutomationId, RunId};

use crate::app::App;
use crate::error::{Code, Error};
use crate::golden::{self, Grounds};
use crate::store::{Automation, Mode, Run};

/// A stop is answered within half a second; the commit takes its share of that.
const LISTING_MAX: Duration = Duration::from_millis(250);
/// More effects in flight than this are not listed one by one.
const IN_FLIGHT_MAX: u64 = 1000;

/// What was under way when a stop was acknowledged. No effect starts after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// When it was acknowledged.
    pub at: Timestamp,
    /// Effects that had been started, and of which nobody knows yet what became.
    pub in_flight: Vec<EffectInFlight>,
}

/// An effect in flight at a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectInFlight {
    /// The run.
    pub run: String,
    /// The number of the call.
    pub call: i64,
    /// The tool.
    pub tool: String,
    /// The key in words.
    pub key: String,
    /// Since when.
    pub started_at: Timestamp,
}

/// Stops an automation. The commit is the acknowledgement: after it, no effect starts.
pub async fn stop(app: &App, which: &str, by: &str) -> Result<(Automation, Stopped), Error> {
    let automation = app.store.automation(which).await?;
    let automation = app.store.set_mode(automation.id, Mode::Stopped, by).await?;
    let stopped = end_attempts(app, Some(automation.id)).await?;
    Ok((automation, stopped))
}

/// Stops everything.
pub async fn stop_all(app: &App, by: &str) -> Result<Stopped, Error> {
    app.store.stop_all(true, by).await?;
    end_attempts(app, None).await
}

/// Lifts the stop of everything. What was stopped by itself stays stopped.
pub async fn resume_all(app: &App, by: &str) -> Result<(), Error> {
    Ok(app.store.stop_all(false, by).await?)
}

/// Keeps new runs from starting. Those under way end their current step and then wait, too.
pub async fn pause(app: &App, which: &str, by: &str) -> Result<Automation, Error> {
    let automation = change(app, which, Mode::Paused, by).await?;
    // Told, and not waited for: an effect that is under way takes as long as it takes.
    app.control.stop(Some(automation.id)).await;
    Ok(automation)
}

/// Lets an automation work again. Golden runs that were last checked before an upgrade are checked first; whoever resumes
/// it a second time has seen what differs, and says yes to it.
pub async fn resume(app: &App, which: &str, by: &str) -> Result<Automation, Error> {
    let automation = app.store.automation(which).await?;
    let checked = golden::check_stale(&Grounds::of(app), &automation, None).await.map_err(super::trial::trouble)?;
    let differs = checked.iter().flatten().filter(|found| found.is_news()).map(|found| found.words.clone()).next();
    if let Some(words) = differs {
        let message = format!(
            "`{}` would do something else than in a golden run: {words}. Look with `steward golden check {}`; \
             resumed again, it runs",
            automation.name, automation.name
        );
        return Err(Error::new(Code::GoldenDiffers, message));
    }
    let resumed = change(app, which, Mode::Active, by).await?;
    app.store.close_golden_need(automation.id, by).await?;
    Ok(resumed)
}

/// Puts an automation in shadow: what its runs would do outside is noted, and not done.
pub async fn enter_shadow(app: &App, which: &str, by: &str) -> Result<Automation, Error> {
    let automation = app.store.automation(which).await?;
    Ok(app.store.enter_shadow(automation.id, by).await?)
}

/// Ends the shadow of an automation: it is live. Its shadow runs end where they stand.
pub async fn activate(app: &App, which: &str, by: &str) -> Result<Automation, Error> {
    let automation = app.store.automation(which).await?;
    let (automation, ended) = app.store.leave_shadow(automation.id, by).await?;
    for run in ended {
        app.control.stop_run(run).await;
    }
    Ok(automation)
}

/// Takes a person's word that the ledger of an automation is complete, though it was restored from a backup.
pub async fn trust(app: &App, which: &str, by: &str) -> Result<Automation, Error> {
    let automation = app.store.automation(which).await?;
    app.store.trust(automation.id, by).await?;
    Ok(automation)
}

/// Takes an automation away; its history stays.
pub async fn remove(app: &App, which: &str, by: &str) -> Result<(Automation, Stopped), Error> {
    let automation = change(app, which, Mode::Removed, by).await?;
    let stopped = end_attempts(app, Some(automation.id)).await?;
    Ok((automation, stopped))
}

/// Ends one run.
pub async fn stop_run(app: &App, run: RunId, by: &str) -> Result<Run, Error> {
    let stopped = app.store.stop_run(run, by).await?;
    app.control.stop_run(run).await;
    Ok(stopped)
}

async fn change(app: &App, which: &str, mode: Mode, by: &str) -> Result<Automation, Error> {
    let automation = app.store.automation(which).await?;
    Ok(app.store.set_mode(automation.id, mode, by).await?)
}

/// Ends the attempts and lists what is in flight. Where that takes too long, the ledger says what is in flight, and
/// the attempts end a little later: they can start nothing any more.
async fn end_attempts(app: &App, automation: Option<AutomationId>) -> Result<Stopped, Error> {
    let at = app.env.now();
    let control = app.control.clone();
    let mut ending = tokio::spawn(async move { control.stop(automation).await });
    let in_flight = tokio::select! {
        ended = &mut ending => match ended {
            Ok(in_flight) => in_flight.into_iter().map(EffectInFlight::from).collect(),
            // It panicked; the ledger knows all the same.
            Err(_) => from_ledger(app, automation).await?,
        },
        () = app.env.sleep(LISTING_MAX) => from_ledger(app, automation).await?,
    };
    Ok(Stopped { at, in_flight })
}

async fn from_ledger(app: &App, automation: Option<AutomationId>) -> Result<Vec<EffectInFlight>, Error> {
    let started = app.store.effects(automation, Some(State::Started), None, IN_FLIGHT_MAX).await?;
    Ok(started
        .into_iter()
        .map(|effect| EffectInFlight {
            run: effect.run,
            call: effect.call,
            tool: effect.tool,
            key: effect.key.unwrap_or_default(),
            started_at: effect.started_at,
        })
        .collect())
}

impl From<crate::executor::InFlight> for EffectInFlight {
    fn from(effect: crate::executor::InFlight) -> Self {
        Self {
            run: effect.run.to_string(),
            call: i64::from(effect.call),
            tool: effect.tool,
            key: effect.key,
            started_at: effect.started_at,
        }
    }
}
