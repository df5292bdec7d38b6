//! History: past runs executed again with this script, in the world as it was recorded. No effect is performed.

use std::sync::Arc;

use connectors::Entry;
use intents::canonical::Digest;
use intents::journal::{Record, recorded};
use intents::outcome::Outcome;
use intents::tool::Name;
use intents::trial::{Applied, Check, Code, Deed, Finding, Sheet, new_since};

use super::bench::Bench;
use super::case::Case;
use super::checks::Trial;
use super::memory::Memory;
use super::outside;
use super::plan::{Done, End, Plan};
use crate::executor::Trouble;
use crate::executor::tools::Tools;

/// Fewer past runs that can be compared show little.
const COMPARABLE_MIN: u32 = 3;

/// A past run.
#[derive(Debug, Clone)]
pub struct Past {
    /// What it is, for people: its id.
    pub name: String,
    /// What started it, and what its calls led to.
    pub case: Case,
    /// What it did.
    pub applied: Applied,
    /// What its chance was drawn from.
    pub seed: Digest,
    /// Whether it failed.
    pub failed: bool,
    /// Whether this script was made to bring it to its end.
    pub must_end: bool,
}

impl Past {
    /// A past run from its journal; none when there is nothing left of it.
    pub fn of_journal(name: String, records: &[Record], bench: &Bench) -> Option<Self> {
        let case = Case::of_journal(name.clone(), records)?;
        let seed = records.iter().find_map(|record| match record {
            Record::Began { seed, .. } => Some(*seed),
            Record::Called(_)
            | Record::Settled { .. }
            | Record::Faulted { .. }
            | Record::Reread { .. }
            | Record::StateRead { .. }
            | Record::Logged(_)
            | Record::Outside(_)
            | Record::Ended { .. } => None,
        })?;
        let failed = records.iter().any(|record| matches!(record, Record::Ended { failure: Some(_), .. }));
        Some(Self { name, case, applied: applied(records, &bench.tools), seed, failed, must_end: false })
    }
}

/// The effects of a journal.
fn applied(records: &[Record], tools: &Tools) -> Applied {
    let mut applied = Applied::new();
    for call in recorded(records) {
        let happened = call.settled.is_some_and(|settled| matches!(*settled.outcome, Outcome::Value(_)));
        let Some(Entry::Tool(tool)) = tools.catalogue.get(&call.called.tool) else { continue };
        if !happened || !tool.definition().is_effect() {
            continue;
        }
        let arguments = serde_json::from_str(&call.called.arguments).unwrap_or_default();
        let key = call.called.key.as_ref().map(intents::effect::Key::canonical);
        applied.insert(Arc::new(outside::deed(tool.as_ref(), &arguments, &call.called.arguments, key)));
    }
    applied
}

/// What a script does on a case in a world in which nothing has happened yet.
pub async fn effects_of(bench: &Bench, case: &Case, seed: Digest) -> Result<Applied, Trouble> {
    let mut trial = Trial::new(bench);
    let mut memory = Memory::fresh(case);
    let plan = Plan { seed, ..trial.plan(case) };
    trial.execute(&mut memory, plan).await?;
    Ok(memory.applied)
}

/// Compares past runs with what this script would have done in them.
pub async fn compare_past(bench: &Bench, past: &[Past]) -> Result<Sheet, Trouble> {
    let mut trial = Trial::new(bench);
    history(&mut trial, past).await?;
    // What was compared was recorded.
    trial.sheet.counts.proven_cases = trial.sheet.counts.past_runs;
    Ok(trial.sheet)
}

pub(super) async fn history<'b>(trial: &mut Trial<'b>, past: &'b [Past]) -> Result<(), Trouble> {
    let mut tried = 0;
    for run in past {
        if !trial.has_time() {
            break;
        }
        one(trial, run).await?;
        tried += 1;
    }
    trial.tried(Check::History, tried, past.len());
    let counts = &trial.sheet.counts;
    if !past.is_empty() && counts.past_runs < COMPARABLE_MIN.min(u32::try_from(past.len()).unwrap_or(u32::MAX)) {
        let words = format!(
            "of {} past runs, {} ask for something that was not recorded, so they say nothing",
            past.len(),
            counts.not_comparable
        );
        trial.sheet.note(Finding::new(Code::HistoryThin, Check::History, words));
    }
    Ok(())
}

async fn one<'b>(trial: &mut Trial<'b>, past: &'b Past) -> Result<(), Trouble> {
    let mut memory = Memory::fresh(&past.case);
    let plan = Plan { seed: past.seed, ..trial.plan(&past.case) };
    let done = trial.execute(&mut memory, plan).await?;
    // What would have been answered to a question of today nobody knows.
    if done.generated > 0 || done.assumed > 0 && !past.failed {
        trial.sheet.counts.not_comparable += 1;
        return Ok(());
    }
    trial.sheet.counts.past_runs += 1;
    if past.failed {
        if past.must_end && !done.is_finished() {
            trial.sheet.note(unfinished(past, &done));
        }
        // What it had not done when it failed cannot be compared.
        return Ok(());
    }
    if let Some(words) = difference(&past.applied, &memory.applied, &done.end) {
        trial.sheet.counts.differences += 1;
        trial.sheet.note(Finding::new(Code::HistoryDiffers, Check::History, format!("{}: {words}", past.name)));
    }
    Ok(())
}

/// Why a run that has to come to its end does not.
fn unfinished(past: &Past, done: &Done) -> Finding {
    let denied = done.denied.last().map(|denied| (&denied.tool, &denied.code));
    match (&done.end, denied) {
        (End::Denied, Some((tool, code))) => {
            let words = format!("{}: the gate refuses `{tool}` ({code})", past.name);
            Finding::new(Code::OutsideContract, Check::History, words)
        }
        (End::Failed(failure), _) => {
            let words = format!("{}: it does not come to its end ({})", past.name, failure.code);
            Finding::new(Code::HistoryFails, Check::History, words)
        }
        (End::Denied | End::Finished { .. }, _) => {
            let words = format!("{}: it does not come to its end", past.name);
            Finding::new(Code::HistoryFails, Check::History, words)
        }
    }
}

/// What differs, in words; none when nothing does.
fn difference(then: &Applied, now: &Applied, end: &End) -> Option<String> {
    let tools = |deeds: Vec<&Deed>| {
        let mut names: Vec<Name> = deeds.into_iter().map(|deed| deed.tool.clone()).collect();
        names.sort();
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let (less, more) = (new_since(now, then), new_since(then, now));
    let is_changed =
        |deed: &&Arc<Deed>| now.iter().any(|other| other.identity() == deed.identity()) && !now.contains(*deed);
    let changed: Vec<_> = then.iter().filter(is_changed).map(|deed| &**deed).collect();
    let mut parts = Vec::new();
    if let End::Failed(failure) = end {
        parts.push(format!("it ends with {}", failure.code));
    }
    if *end == End::Denied {
        parts.push("the gate refuses a call".to_owned());
    }
    for (what, deeds) in [("no longer done", less), ("done in addition", more), ("done with other arguments", changed)]
    {
        if !deeds.is_empty() {
            parts.push(format!("{what}: {}", tools(deeds)));
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
