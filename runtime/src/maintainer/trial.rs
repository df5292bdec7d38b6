//! The proof of a repair: it brings the failing run to its end, does in past runs what was done, and swallows, invents and
//! knows nothing.

use std::sync::Arc;

use intents::canonical::Digest;
use intents::drift::{Names, Shape, site};
use intents::failure::Class;
use intents::id::TrialId;
use intents::journal::Record;
use intents::outcome::Outcome;
use intents::repair::{Adapter, hard_coded};
use intents::run::Phase;
use intents::tool::Name;
use intents::trial::{Check, Code, Finding, Sheet, other_subjects, reversed, row_in_front};
use serde_json::{Value, json};

use super::evidence::Evidence;
use super::repair::{Candidate, Repair};
use crate::app::App;
use crate::chat::RecordedCall;
use crate::error::{Code as OfFace, Error};
use crate::executor::Trouble;
use crate::executor::adapter::adapt;
use crate::explore::{Looked, Rules, look};
use crate::golden::{golden_body, past_of};
use crate::store::{RunFilter, Tried};
use crate::trial::{Bench, Case, Past, Recording, SheetV1, compare_past, effects_of, reuses_key, swallows, try_out};

/// Past runs that a repair is compared with.
const PAST_MAX: usize = 40;
/// Past runs that become cases beside the failing one: each is tried in every way.
const CASES_OF_PAST: usize = 2;
/// Runs among which those are looked for.
const LOOK_MAX: u64 = 200;

/// A version that would be live.
pub(super) struct Version {
    pub(super) source: String,
    pub(super) adapters: Vec<Adapter>,
    /// The one of them that is new.
    pub(super) new: Option<Adapter>,
    /// Whether the script stays, and an adapter is added.
    pub(super) is_adapter: bool,
}

/// What a trial found.
pub(super) struct Proof {
    pub(super) trial: Option<TrialId>,
    /// In one line.
    pub(super) line: String,
    /// Why it does not go live.
    pub(super) refuted: Vec<String>,
    /// What it does else than past runs did.
    pub(super) differences: Vec<String>,
    /// What was read for it.
    pub(super) recorded: Vec<RecordedCall>,
    /// The failing run as a case, with what the repair leads to in it.
    pub(super) golden: Option<Value>,
}

fn trouble(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Store(error) => error.into(),
        Trouble::Jail { reason } | Trouble::Unfit { reason, .. } | Trouble::Broken { reason, .. } => {
            Error::new(OfFace::TrialFailed, format!("the trial could not be carried out: {reason}"))
        }
    }
}

/// The reads of a case, as they may be given back.
fn given(case: &Case) -> Vec<RecordedCall> {
    let call = |recording: &Recording| {
        let (value, refused) = match &recording.outcome {
            Outcome::Value(value) => (Some(value.clone()), None),
            Outcome::Refused(refusal) => (None, Some(refusal.clone())),
            Outcome::Skipped { .. } => return None,
        };
        Some(RecordedCall {
            tool: recording.tool.to_string(),
            arguments: serde_json::from_str(&recording.arguments).unwrap_or(Value::Null),
            value,
            refused,
            labels: intents::label::Labels::new(),
        })
    };
    case.recordings.iter().filter_map(call).collect()
}

/// The failing run as a case, with what was read since.
fn failing_case(evidence: &Evidence, seen: &[RecordedCall]) -> Option<Case> {
    let mut case = Case::of_journal("the failing run".to_owned(), &evidence.failed)?;
    for call in seen {
        let Ok(tool) = call.tool.parse::<Name>() else { continue };
        let arguments = intents::canonical::to_string(&call.arguments);
        let known = case.recordings.iter().any(|known| known.tool == tool && known.arguments == arguments);
        let outcome = match (&call.refused, &call.value) {
            (Some(refusal), _) => Outcome::Refused(refusal.clone()),
            (None, Some(value)) => Outcome::Value(value.clone()),
            (None, None) => continue,
        };
        if !known {
            case.recordings.push(Recording { tool, arguments, outcome });
        }
    }
    Some(case)
}

/// Executes a version on the failing run: what it read is given back, anything else is read now, and no effect is performed.
pub(super) async fn on_failing_run(
    app: &App,
    evidence: &Evidence,
    seen: Vec<RecordedCall>,
    version: &Version,
) -> Result<Looked, Error> {
    let case = failing_case(evidence, &seen);
    let veil = evidence.veil();
    let input = case.as_ref().map_or_else(|| json!({ "trigger": "manual" }), |case| case.input.clone());
    let rules = Rules {
        contract: Arc::clone(&evidence.contract),
        places: "what the contract of the automation lets its script read".to_owned(),
        seen: Vec::new(),
        labels: {
            let mut labels = evidence.labels();
            labels.extend(seen.into_iter().flat_map(|call| call.labels));
            labels
        },
        veil: Some(&veil),
        named: None,
        input,
        given: case.as_ref().map(given).unwrap_or_default(),
        adapters: &version.adapters,
    };
    look(app, rules, &version.source).await
}

/// Tries a version.
pub(super) async fn prove(
    app: &App,
    evidence: &Evidence,
    seen: Vec<RecordedCall>,
    version: &Version,
) -> Result<Proof, Error> {
    let refuted = |words: String| Proof {
        trial: None,
        line: words.clone(),
        refuted: vec![words],
        differences: Vec::new(),
        recorded: Vec::new(),
        golden: None,
    };
    // What it asks for beyond what the failing run has read is read now, and recorded.
    let looked = on_failing_run(app, evidence, seen.clone(), version).await?;
    let recorded = looked.recorded;
    let all: Vec<_> = seen.into_iter().chain(recorded.iter().cloned()).collect();
    let Some(raw) = failing_case(evidence, &all) else {
        return Ok(refuted("nothing is left of the failing run, so nothing can be tried".to_owned()));
    };
    let bench = Bench::new(
        app.env.clone(),
        app.jail.clone(),
        Arc::clone(&app.catalogue),
        Arc::clone(&evidence.contract),
        version.source.clone(),
    )
    .with_limits(app.config.limits.of_attempts());
    let Some(mut failing) = Past::of_journal("the failing run".to_owned(), &evidence.failed, &bench) else {
        return Ok(refuted("nothing is left of the failing run, so nothing can be tried".to_owned()));
    };
    failing.must_end = true;
    failing.failed = true;
    failing.case = match adapted(app, evidence, version, &raw).await {
        Ok(case) => case,
        Err(words) => return Ok(Proof { recorded, ..refuted(words) }),
    };
    if let Some(words) = adapter_on_other_data(app, evidence, version, &raw).await {
        return Ok(Proof { recorded, ..refuted(words) });
    }
    let _place = app.trials.acquire().await.map_err(|_| Error::new(OfFace::ShuttingDown, "the server is ending"))?;
    let shape = try_out(&bench, &[], &[]).await.map_err(trouble)?;
    if shape.is_refuted() {
        let words: Vec<_> = shape.findings.iter().filter(|finding| finding.refutes()).map(in_words).collect();
        return Ok(Proof { recorded, ..refuted(words.join("; ")) });
    }
    let first = compare_past(&bench, std::slice::from_ref(&failing)).await.map_err(trouble)?;
    if first.counts.past_runs == 0 {
        let words = "on the failing run it asks for something that could not be read; look at it with `explore` first";
        return Ok(Proof { recorded, ..refuted(words.to_owned()) });
    }
    if first.is_refuted() {
        let words: Vec<_> = first.findings.iter().filter(|finding| finding.refutes()).map(in_words).collect();
        return Ok(Proof { recorded, ..refuted(words.join("; ")) });
    }
    let good = good_runs(app, evidence, &bench).await?;
    let mut cases = vec![failing.case.clone()];
    cases.extend(good.iter().take(CASES_OF_PAST).map(|run| run.case.clone()));
    // What every version has to lead to, this one has to lead to, too.
    let kept = app.store.goldens(Some(evidence.automation.id)).await?;
    let kept = kept.iter().filter_map(|golden| past_of(&golden.body).ok());
    let past: Vec<_> = std::iter::once(failing.clone()).chain(good.iter().cloned()).chain(kept).collect();
    let mut sheet = try_out(&bench, &cases, &past).await.map_err(trouble)?;
    if !version.is_adapter {
        let good = evidence.good.iter().flat_map(|(_, records)| super::evidence::answers(records));
        let shown = super::evidence::answers(&evidence.failed).into_iter().chain(good);
        let mut data: Vec<Value> = shown.map(|(_, _, value)| value).collect();
        data.extend(all.iter().filter_map(|call| call.value.clone()));
        data.push(raw.input.clone());
        let known = hard_coded(&evidence.source, &version.source, &data);
        if !known.is_empty() {
            let words = format!("{} values of the failing run stand in the script itself", known.len());
            sheet.note(Finding::new(Code::HardCoded, Check::Shape, words));
        }
    }
    if let Some(finding) = swallows(&bench, &failing.case, &good).await.map_err(trouble)? {
        sheet.note(finding);
    }
    if let Some(finding) = reuses_key(&bench, &failing, &good).await.map_err(trouble)? {
        sheet.note(finding);
    }
    let comparable = sheet.counts.past_runs.saturating_sub(1);
    let mut proof = weighed(&sheet, comparable, good.len());
    proof.recorded = recorded;
    let applied = effects_of(&bench, &failing.case, failing.seed).await.map_err(trouble)?;
    proof.golden = Some(golden_body(&Past { applied, failed: false, must_end: false, ..failing.clone() }));
    let of = Tried {
        contract_digest: evidence.contract.digest().to_string(),
        script_digest: digest(version),
        cases_digest: Digest::of_parts(
            "steward repair cases 1",
            &[&serde_json::to_vec(&evidence.failed).unwrap_or_default()],
        )
        .to_string(),
    };
    proof.trial = Some(app.store.keep_trial(of, SheetV1::from(&sheet)).await?.id);
    Ok(proof)
}

fn digest(version: &Version) -> String {
    let adapters = serde_json::to_string(&version.adapters).unwrap_or_default();
    Digest::of_parts("steward script 2", &[version.source.as_bytes(), adapters.as_bytes()]).to_string()
}

fn in_words(finding: &Finding) -> String {
    format!("{}: {}", finding.code, finding.words)
}

/// What a sheet means for a repair.
fn weighed(sheet: &Sheet, comparable: u32, good: usize) -> Proof {
    let (mut refuted, mut differences) = (Vec::new(), Vec::new());
    for finding in &sheet.findings {
        match finding.code {
            // How much a first run does was confirmed when the automation began; that this one does so much is for a person.
            Code::HistoryDiffers | Code::HistoryThin | Code::Flood => differences.push(finding.words.clone()),
            Code::NothingProven => refuted.push(in_words(finding)),
            Code::Shape
            | Code::ToolUngranted
            | Code::Nondeterminism
            | Code::KeyParts
            | Code::KeyChance
            | Code::KeyClock
            | Code::KeyOrder
            | Code::KeyCoarse
            | Code::NotOnce
            | Code::Crash
            | Code::Duplicate
            | Code::RefusalIgnored
            | Code::EffectLost
            | Code::OutsideContract
            | Code::Hostile
            | Code::HistoryFails
            | Code::KeyUsed
            | Code::Swallows
            | Code::HardCoded
            | Code::AdapterUnfit
            | Code::FirstRun
            | Code::Calendar
            | Code::OrderChooses
            | Code::FailsOnSample
            | Code::Sampled => {
                if finding.refutes() {
                    refuted.push(in_words(finding));
                }
            }
        }
    }
    if comparable == 0 && differences.is_empty() {
        let words = if good == 0 {
            "there is no past run that it could be compared with"
        } else {
            "no past run could be compared with it"
        };
        differences.push(words.to_owned());
    }
    Proof { trial: None, line: sheet.line(), refuted, differences, recorded: Vec::new(), golden: None }
}

/// The case with each result in the shape that the script was proven with.
async fn adapted(app: &App, evidence: &Evidence, version: &Version, raw: &Case) -> Result<Case, String> {
    let mut case = raw.clone();
    let used = used(evidence, version);
    for recording in &mut case.recordings {
        let Outcome::Value(value) = &recording.outcome else { continue };
        let arguments: Value = serde_json::from_str(&recording.arguments).unwrap_or(Value::Null);
        let Some(adapter) = adapter_for(version, &recording.tool, &arguments, value, &used) else { continue };
        let limits = app.config.limits.of_attempts();
        let now = app.env.now();
        let adapted = adapt(&app.jail, &limits, adapter, &used, value, &arguments, now).await;
        recording.outcome = Outcome::Value(adapted.map_err(|failure| {
            if failure.class == Class::Logic {
                format!("{}: {}", Code::AdapterUnfit, failure.message)
            } else {
                failure.message
            }
        })?);
    }
    Ok(case)
}

fn used(evidence: &Evidence, version: &Version) -> Names {
    let body = evidence.contract.to_value().to_string();
    Names::of([version.source.as_str(), &body])
}

fn adapter_for<'v>(
    version: &'v Version,
    tool: &Name,
    arguments: &Value,
    value: &Value,
    used: &Names,
) -> Option<&'v Adapter> {
    let (site, shape) = (site(tool, arguments), Shape::of_result(value));
    version.adapters.iter().find(|known| known.tool == *tool && known.site == site && known.takes(&shape, used))
}

/// Tries the new adapter on data like that of the failing run, about other things, in another order, with more rows.
async fn adapter_on_other_data(app: &App, evidence: &Evidence, version: &Version, raw: &Case) -> Option<String> {
    let adapter = version.new.as_ref()?;
    let used = used(evidence, version);
    let mut taken = false;
    for recording in &raw.recordings {
        let Outcome::Value(value) = &recording.outcome else { continue };
        let arguments: Value = serde_json::from_str(&recording.arguments).unwrap_or(Value::Null);
        let of_site = recording.tool == adapter.tool && site(&recording.tool, &arguments) == adapter.site;
        if !of_site || !adapter.takes(&Shape::of_result(value), &used) {
            continue;
        }
        taken = true;
        let mut back = value.clone();
        reversed(&mut back);
        let mut more = value.clone();
        row_in_front(&mut more);
        for (what, other) in
            [("about other things", other_subjects(value)), ("in another order", back), ("with one more row", more)]
        {
            let limits = app.config.limits.of_attempts();
            let now = app.env.now();
            if let Err(failure) = adapt(&app.jail, &limits, adapter, &used, &other, &arguments, now).await {
                return Some(format!("{}: on an answer {what}: {}", Code::AdapterUnfit, failure.message));
            }
        }
    }
    (!taken).then(|| {
        format!(
            "{}: no answer of the failing run reaches the adapter: its call site answers as before",
            Code::AdapterUnfit
        )
    })
}

/// The newest runs that succeeded under the contract in force.
async fn good_runs(app: &App, evidence: &Evidence, bench: &Bench) -> Result<Vec<Past>, Error> {
    let filter = RunFilter { automation: Some(evidence.automation.id), phase: Some(Phase::Succeeded), before: None };
    let mut good = Vec::new();
    for run in app.store.runs(&filter, LOOK_MAX).await? {
        if good.len() >= PAST_MAX {
            break;
        }
        if run.contract != evidence.automation.contract || run.shadow.is_some() {
            continue;
        }
        let records: Vec<Record> = match app.store.journal(run.id).await {
            Ok(journal) => journal.records,
            Err(crate::store::Error::Sealed { .. } | crate::store::Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        good.extend(Past::of_journal(run.id.to_string(), &records, bench));
    }
    Ok(good)
}

/// The adapter that helped another automation with the same failure, where it holds here, too: no model is asked.
pub(super) async fn of_sibling(app: &App, repair: &Repair, evidence: &Evidence) -> Result<Option<Candidate>, Error> {
    let Some(sibling) = app.store.sibling_repair(repair).await? else { return Ok(None) };
    let Some(candidate) = sibling.body.candidate.filter(|candidate| candidate.is_adapter) else { return Ok(None) };
    let Some(adapter) = candidate.adapters.last() else { return Ok(None) };
    let Some(proven) = evidence.proven_shape(&adapter.site) else { return Ok(None) };
    let mut adapters: Vec<_> =
        evidence.script.adapters.iter().filter(|known| known.site != adapter.site).cloned().collect();
    let new = Adapter { proven, ..adapter.clone() };
    adapters.push(new.clone());
    let version = Version { source: evidence.source.clone(), adapters, new: Some(new), is_adapter: true };
    let proof = prove(app, evidence, Vec::new(), &version).await?;
    if !proof.refuted.is_empty() || !proof.differences.is_empty() {
        return Ok(None);
    }
    Ok(Some(Candidate {
        source: version.source,
        diff: adapter.source.clone(),
        adapters: version.adapters,
        is_adapter: true,
        reason: format!("the adapter that repaired another automation: {}", candidate.reason),
        trial: proof.trial,
        proof: proof.line,
        differences: Vec::new(),
        golden: proof.golden,
        sites: Vec::new(),
    }))
}
