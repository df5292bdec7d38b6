//! Whether a repair brings a run to its end by doing nothing: what it reads has to matter to what it does, as it did before.

use std::sync::Arc;

use intents::outcome::Outcome;
use intents::tool::Name;
use intents::trial::{Check, Code, Deed, Finding, sent_again};
use serde_json::Value;

use super::bench::Bench;
use super::case::Case;
use super::checks::Trial;
use super::memory::Memory;
use super::past::Past;
use super::plan::{End, Plan};
use crate::executor::Trouble;

/// Past runs that are looked at: what each of them does, the next one does, too.
const RUNS_MAX: usize = 5;

/// What a script does on a case in which nothing has happened yet: how many effects, and what else can be seen of it.
async fn seen(
    trial: &mut Trial<'_>,
    bench: &Bench,
    case: &Case,
    past: Option<&Past>,
) -> Result<(usize, String), Trouble> {
    // Each case has an execution of its own, as long as it takes.
    let mut own = Trial::new(bench);
    let mut memory = Memory::fresh(case);
    let plan = own.plan(case);
    let plan = Plan { seed: past.map_or(plan.seed, |past| past.seed), ..plan };
    let done = own.execute(&mut memory, plan).await?;
    trial.sheet.counts.executions += 1;
    let end = match &done.end {
        End::Finished { result } => intents::canonical::to_string(result),
        End::Failed(failure) => failure.code.clone(),
        End::Denied => "denied".to_owned(),
    };
    let deeds: Vec<_> = memory.applied.iter().map(|deed| format!("{} {}", deed.tool, deed.arguments)).collect();
    Ok((deeds.len(), format!("{end} {}", deeds.join(" "))))
}

/// Says whether the script swallows the failure of a run: it comes to its end and does nothing, where each past run did
/// something in a world in which nothing had happened yet; or what it reads makes no difference any more.
pub async fn swallows(bench: &Bench, failing: &Case, past: &[Past]) -> Result<Option<Finding>, Trouble> {
    let finding = |words: &str| Some(Finding::new(Code::Swallows, Check::History, words));
    let mut trial = Trial::new(bench);
    let (now, with_rows) = seen(&mut trial, bench, failing, None).await?;
    let (_, without_rows) = seen(&mut trial, bench, &emptied(failing), None).await?;
    let good: Vec<_> = past.iter().filter(|run| !run.failed).take(RUNS_MAX).collect();
    let (mut all_did, mut rows_mattered) = (!good.is_empty(), false);
    for run in good {
        let (then, full) = seen(&mut trial, bench, &run.case, Some(run)).await?;
        let (_, empty) = seen(&mut trial, bench, &emptied(&run.case), Some(run)).await?;
        all_did &= then > 0;
        rows_mattered |= full != empty;
    }
    if now == 0 && all_did {
        return Ok(finding(
            "on the data of the failing run it does nothing at all, where each past run did something on its data",
        ));
    }
    if rows_mattered && has_rows(failing) && with_rows == without_rows {
        return Ok(finding("it does the same whether the service says anything or nothing: what it reads is ignored"));
    }
    Ok(None)
}

/// Says whether the script does something under a key that was used with other arguments, so that the run would end with a
/// conflict, or what was done once more under another key, so that it would be done twice.
pub async fn reuses_key(bench: &Bench, failing: &Past, past: &[Past]) -> Result<Option<Finding>, Trouble> {
    let now = super::past::effects_of(bench, &failing.case, failing.seed).await?;
    // What the failing run had done before it failed is done, too.
    let runs = || past.iter().filter(|run| !run.failed).chain([failing]);
    let words = |tool: &Name, what: &str| {
        let words = format!("`{tool}`: {what}; leave keys and arguments of what was done as they were");
        Some(Finding::new(Code::KeyUsed, Check::History, words))
    };
    let clash = now.iter().filter(|deed| deed.is_keyed()).find(|deed| {
        let same_key = |known: &Arc<Deed>| known.identity() == deed.identity() && known.arguments != deed.arguments;
        runs().any(|run| run.applied.iter().any(same_key))
    });
    if let Some(deed) = clash {
        return Ok(words(&deed.tool, "under a key that was used before it is done with other arguments"));
    }
    let again = runs().find_map(|run| sent_again(&run.applied, &now).first().map(|deed| deed.tool.clone()));
    Ok(again.and_then(|tool| words(&tool, "what was done before is done again under another key")))
}

/// The case with no row in any list that was read.
fn emptied(case: &Case) -> Case {
    let mut case = case.clone();
    for recording in &mut case.recordings {
        if let Outcome::Value(value) = &mut recording.outcome {
            empty(value);
        }
    }
    case
}

fn empty(value: &mut Value) {
    match value {
        Value::Array(items) if items.iter().any(Value::is_object) => items.clear(),
        Value::Array(items) => items.iter_mut().for_each(empty),
        Value::Object(members) => members.values_mut().for_each(empty),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn has_rows(case: &Case) -> bool {
    case.recordings.iter().any(|recording| match &recording.outcome {
        Outcome::Value(value) => intents::trial::rows_max(value) > 0,
        Outcome::Refused(_) | Outcome::Skipped { .. } => false,
    })
}
