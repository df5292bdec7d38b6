//! Trials: of an automation, of a draft, and of what comes in; and what a script would have done in past runs.

use std::sync::Arc;

use intents::Timestamp;
use intents::canonical::{self, Digest};
use intents::contract::Contract;
use intents::run::Phase;
use intents::time::Span;
use serde_json::{Value, json};

use super::explain;
use crate::app::App;
use crate::error::{Code, Error};
use crate::executor::Trouble;
use crate::store::{Automation, KeptTrial, Program, RunFilter, Tried};
use crate::trial::{Bench, Case, Past, SheetV1, cases_of, compare_past, read_cases, try_out};

/// Past runs that a trial compares; the newest say most.
const PAST_RUNS_MAX: u64 = 20;
/// Past runs of which a trial makes its cases.
const PAST_CASES_MAX: usize = 3;
/// Past runs that a backtest goes through.
const BACKTEST_RUNS_MAX: usize = 500;
/// How many runs are looked up at once.
const PAGE: u64 = 100;

/// What a backtest found.
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// The automation.
    pub automation: Automation,
    /// From when on.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Past runs that were gone through.
    pub runs: usize,
    /// Whether there were more than are gone through.
    pub cut: bool,
    /// What the script would have done, compared with what was done.
    pub sheet: SheetV1,
}

/// Tries the script of an automation out: on recordings, else on its past runs, else on made cases.
pub async fn try_automation(app: &App, which: &str, recordings: Option<&Value>) -> Result<KeptTrial, Error> {
    let automation = app.store.automation(which).await?;
    let (contract, source) = in_force(app, &automation).await?;
    try_script(app, contract, &source, recordings, Some(&automation)).await
}

/// Tries a script out under a contract before there is an automation of it.
pub async fn try_draft(
    app: &App,
    contract: &Value,
    script: &str,
    recordings: Option<&Value>,
) -> Result<KeptTrial, Error> {
    let contract = Arc::new(explain::read(app, contract)?);
    try_script(app, contract, script, recordings, None).await
}

/// Tries a script out. What was tried before in the same way is not tried again.
pub(super) async fn try_script(
    app: &App,
    contract: Arc<Contract>,
    script: &str,
    recordings: Option<&Value>,
    known: Option<&Automation>,
) -> Result<KeptTrial, Error> {
    let bench = bench(app, Arc::clone(&contract), script);
    let past = match known {
        Some(automation) => past_runs(app, &bench, automation, PAST_RUNS_MAX).await?,
        None => Vec::new(),
    };
    let recorded = recordings.map(read_cases).transpose();
    let recorded = recorded.map_err(|error| Error::new(Code::BodyMalformed, error.to_string()))?;
    let mut cases = recorded.unwrap_or_default();
    if cases.is_empty() {
        cases.extend(past.iter().filter(|run| !run.failed).take(PAST_CASES_MAX).map(|run| run.case.clone()));
    }
    if cases.is_empty() {
        cases = cases_of(&contract);
    }
    let of = Tried {
        contract_digest: contract.digest().to_string(),
        script_digest: Digest::of(script.as_bytes()).to_string(),
        cases_digest: digest_of(&cases, &past),
    };
    if let Some(known) = app.store.trial_of(&of).await? {
        return Ok(known);
    }
    let _place = app.trials.acquire().await.map_err(|_| Error::new(Code::ShuttingDown, "the server is ending"))?;
    let sheet = try_out(&bench, &cases, &past).await.map_err(trouble)?;
    Ok(app.store.keep_trial(of, SheetV1::from(&sheet)).await?)
}

/// Says what the script of an automation would have done in its past runs. No effect is performed, and nothing is kept.
pub async fn backtest(app: &App, which: &str, last: Span, script: Option<&str>) -> Result<Backtest, Error> {
    let automation = app.store.automation(which).await?;
    let (contract, source) = in_force(app, &automation).await?;
    let bench = bench(app, contract, script.unwrap_or(&source));
    let until = app.env.now();
    let from = until - last.duration();
    let mut past = Vec::new();
    let mut filter = RunFilter { automation: Some(automation.id), phase: None, before: None };
    let mut cut = false;
    'pages: loop {
        let page = app.store.runs(&filter, PAGE).await?;
        let Some(last) = page.last().map(|run| run.id) else { break };
        filter.before = Some(last);
        for run in page {
            if run.created_at < from {
                break 'pages;
            }
            if past.len() >= BACKTEST_RUNS_MAX {
                cut = true;
                break 'pages;
            }
            past.extend(past_run(app, &bench, &run).await?);
        }
    }
    let _place = app.trials.acquire().await.map_err(|_| Error::new(Code::ShuttingDown, "the server is ending"))?;
    let sheet = compare_past(&bench, &past).await.map_err(trouble)?;
    Ok(Backtest { automation, from, until, runs: past.len(), cut, sheet: SheetV1::from(&sheet) })
}

fn bench(app: &App, contract: Arc<Contract>, script: &str) -> Bench {
    let bench = Bench::new(app.env.clone(), app.jail.clone(), Arc::clone(&app.catalogue), contract, script.to_owned());
    bench.with_limits(app.config.limits.of_attempts())
}

/// The contract and the script in force.
async fn in_force(app: &App, automation: &Automation) -> Result<(Arc<Contract>, String), Error> {
    let body = app.store.contract(automation.contract).await?.body;
    let value = serde_json::from_str(&body)
        .map_err(|error| crate::store::Error::Unreadable { what: "contract", reason: error.to_string() })?;
    let contract = explain::read(app, &value)?;
    match app.store.script(automation.script).await?.program {
        Program::Script(source) => Ok((Arc::new(contract), source)),
        Program::Outside(engine) => {
            let message = format!(
                "`{}` is executed by the engine `{engine}` outside: there is no script that could be tried",
                automation.name
            );
            Err(Error::new(Code::TrialNoScript, message))
        }
    }
}

/// The newest past runs of which something is left.
async fn past_runs(app: &App, bench: &Bench, automation: &Automation, most: u64) -> Result<Vec<Past>, Error> {
    let filter = RunFilter { automation: Some(automation.id), phase: None, before: None };
    let mut past = Vec::new();
    for run in app.store.runs(&filter, most).await? {
        past.extend(past_run(app, bench, &run).await?);
    }
    Ok(past)
}

/// A past run that came to an end by itself; none when nothing is left of it.
async fn past_run(app: &App, bench: &Bench, run: &crate::store::Run) -> Result<Option<Past>, Error> {
    if !matches!(run.phase, Phase::Succeeded | Phase::Failed) {
        return Ok(None);
    }
    let records = match app.store.journal(run.id).await {
        Ok(journal) => journal.records,
        // What was erased cannot be compared.
        Err(crate::store::Error::Sealed { .. } | crate::store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Past::of_journal(run.id.to_string(), &records, bench))
}

/// What tells cases from others.
fn digest_of(cases: &[Case], past: &[Past]) -> String {
    let case = |case: &Case| {
        let calls: Vec<_> = case
            .recordings
            .iter()
            .map(|call| {
                json!([call.tool.as_str(), call.arguments, serde_json::to_value(&call.outcome).unwrap_or_default()])
            })
            .collect();
        json!({ "input": case.input, "at": case.at.as_millis(), "calls": calls, "state": case.state, "made": case.made })
    };
    let cases: Vec<_> = cases.iter().map(case).collect();
    let past: Vec<_> = past.iter().map(|run| json!([run.name, run.must_end])).collect();
    canonical::digest(&json!({ "cases": cases, "past": past })).to_string()
}

pub(super) fn trouble(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Store(error) => error.into(),
        Trouble::Jail { reason } | Trouble::Unfit { reason, .. } | Trouble::Broken { reason, .. } => {
            Error::new(Code::TrialFailed, format!("the trial could not be carried out: {reason}"))
        }
    }
}
