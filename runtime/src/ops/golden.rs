//! Golden runs as people work with them: kept, looked at, checked, removed.

use intents::id::{GoldenId, RunId};
use intents::run::Phase;
use serde_json::Value;

use crate::app::App;
use crate::bundle::{self, Bundle};
use crate::error::{Code, Error};
use crate::golden::{Found, Grounds, Summary, bench_of, check_one, found_of, golden_body, pins};
use crate::store::{Automation, Golden, GoldenKind, GoldenVerdict, NewGolden};
use crate::trial::{Bench, Past};

/// What a check found.
#[derive(Debug, Clone)]
pub struct GoldenCheck {
    /// How many lead to the same effects.
    pub verified: u32,
    /// How many do not.
    pub needs_you: u32,
    /// The same in one line.
    pub line: String,
    /// Each that does not.
    pub differences: Vec<GoldenDifference>,
}

/// A golden run that leads to something else now.
#[derive(Debug, Clone)]
pub struct GoldenDifference {
    /// The golden run.
    pub golden: Golden,
    /// The name of its automation.
    pub automation: String,
    /// What differs, in words.
    pub words: String,
    /// What was done then.
    pub then: Vec<Value>,
    /// What would be done now.
    pub now: Vec<Value>,
}

/// The golden runs of an automation, or all, each with the name of its automation.
pub async fn goldens(app: &App, which: Option<&str>) -> Result<Vec<(Golden, String)>, Error> {
    let of = match which {
        Some(which) => Some(app.store.automation(which).await?.id),
        None => None,
    };
    let mut named = Vec::new();
    for golden in app.store.goldens(of).await? {
        let name = name_of(app, &golden).await?;
        named.push((golden, name));
    }
    Ok(named)
}

async fn name_of(app: &App, golden: &Golden) -> Result<String, Error> {
    Ok(app.store.automation(&golden.automation.to_string()).await?.name)
}

/// Keeps a run that went well: from now on, every version and every script must lead to the same effects.
pub async fn keep_golden(app: &App, id: RunId, by: &str) -> Result<Golden, Error> {
    let run = app.store.run(id).await?;
    let automation = app.store.automation(&run.automation.to_string()).await?;
    if run.phase != Phase::Succeeded || run.shadow.is_some() {
        let message = format!("{id} is {}: only a run that succeeded, and was no shadow, can be kept", run.phase);
        return Err(Error::new(Code::GoldenUnverified, message));
    }
    let bench = bench(app, &automation).await?;
    let records = app.store.journal(id).await?.records;
    let past = Past::of_journal(id.to_string(), &records, &bench)
        .ok_or_else(|| Error::new(Code::GoldenUnverified, format!("nothing is left of {id} that could be replayed")))?;
    let (verdict, words) = check_one(&bench, &past).await.map_err(super::trial::trouble)?;
    match verdict {
        GoldenVerdict::Verified => {}
        GoldenVerdict::Differs | GoldenVerdict::Incomparable => {
            let message = format!("replayed now, {id} does not lead to what it led to: {words}");
            return Err(Error::new(Code::GoldenUnverified, message));
        }
    }
    let new = NewGolden {
        automation: automation.id,
        run: Some(id),
        kind: GoldenKind::Kept,
        body: golden_body(&past),
        checked: Some((verdict, pins())),
        by: by.to_owned(),
    };
    let kept = app.store.keep_golden(new).await?;
    Ok(app.store.golden(kept).await?)
}

/// Keeps the run of a bundle as a golden run of an automation. What it comes to with the script in force is told.
pub async fn import_golden(app: &App, which: &str, bundle: &Bundle, by: &str) -> Result<(Golden, String), Error> {
    let automation = app.store.automation(which).await?;
    let bench = bench(app, &automation).await?;
    if !bundle.has_ended() {
        let message = "the run of the bundle has not come to an end, so there is nothing to compare with";
        return Err(Error::new(Code::GoldenUnverified, message));
    }
    let mut past = Past::of_journal(bundle.run().to_owned(), bundle.records(), &bench)
        .ok_or_else(|| bundle::unreadable("its journal has no beginning"))?;
    past.must_end = past.failed;
    let (verdict, words) = check_one(&bench, &past).await.map_err(super::trial::trouble)?;
    let new = NewGolden {
        automation: automation.id,
        run: None,
        kind: GoldenKind::Import,
        body: golden_body(&past),
        checked: Some((verdict, pins())),
        by: by.to_owned(),
    };
    let kept = app.store.keep_golden(new).await?;
    Ok((app.store.golden(kept).await?, words))
}

/// Replays the golden runs of an automation, or all, with the scripts in force. Nothing is performed, and nothing is
/// paused: whoever asks is there to look.
pub async fn check_goldens(app: &App, which: Option<&str>) -> Result<GoldenCheck, Error> {
    let grounds = Grounds::of(app);
    let _place = app.trials.acquire().await.map_err(|_| Error::new(Code::ShuttingDown, "the server is ending"))?;
    let (mut summary, mut differences) = (Summary::default(), Vec::new());
    let mut bench = None;
    for (golden, name) in goldens(app, which).await? {
        if bench.as_ref().is_none_or(|(of, _)| *of != golden.automation) {
            let automation = app.store.automation(&golden.automation.to_string()).await?;
            bench = Some((golden.automation, bench_of(&grounds, &automation).await?));
        }
        let Some((_, bench)) = &bench else { continue };
        let found = found_of(bench, golden).await.map_err(super::trial::trouble)?;
        app.store.note_goldens(vec![found.checked()], None).await?;
        summary.count(std::slice::from_ref(&found));
        let Found { golden, verdict, words, then, now } = found;
        if verdict != GoldenVerdict::Verified {
            differences.push(GoldenDifference { golden, automation: name, words, then, now });
        }
    }
    let Summary { verified, needs_you, unchecked: _ } = summary;
    Ok(GoldenCheck { verified, needs_you, line: summary.line(), differences })
}

/// Removes a golden run.
pub async fn remove_golden(app: &App, id: GoldenId, by: &str) -> Result<(), Error> {
    Ok(app.store.remove_golden(id, by).await?)
}

async fn bench(app: &App, automation: &Automation) -> Result<Bench, Error> {
    bench_of(&Grounds::of(app), automation).await?.map_err(|why| Error::new(Code::TrialNoScript, why))
}
