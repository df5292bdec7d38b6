//! Fault at every call: whatever a tool declares that can go wrong goes wrong once, and is routed as it would be.

use std::time::Duration;

use connectors::Entry;
use intents::contract::{Excess, Limit};
use intents::failure::{Budget, Class, Evidence, Route, TransientPolicy, route};
use intents::journal::Called;
use intents::outcome::Failure;
use intents::tool::{DeclaredError, Definition, Identity, Kind};
use intents::trial::{Check, Code, Finding, new_since, sent_again};
use serde_json::Value;

use super::aftermath::{follows, left_out, moment_of, outcome_of};
use super::look::{self, Tone};
use super::trial::{Base, Trial};
use crate::executor::Trouble;
use crate::trial::execution::{calls_of, visible_after};
use crate::trial::memory::Memory;
use crate::trial::plan::{Done, Mishap, Plan};

/// How long a person takes who is asked to help.
const HELP_AFTER: Duration = Duration::from_secs(20 * 60);
/// When the next run about the same comes.
const NEXT_RUN: Duration = Duration::from_secs(30 * 60);

/// Something that goes wrong at a call, with how many declared errors come to the same.
struct Case {
    call: u32,
    mishap: Mishap,
    stands_for: usize,
}

impl<'b> Trial<'b> {
    pub(super) async fn fault(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        let cases = self.cases(base);
        let of: usize = cases.iter().map(|case| case.stands_for).sum();
        let mut tried = 0;
        for case in self.choose(cases, "fault") {
            if !self.has_time() {
                break;
            }
            self.fail(base, &case).await?;
            tried += case.stands_for;
        }
        let ratio = self.tried(Check::Fault, tried, of);
        self.sheet.counts.faults.tried += ratio.tried;
        self.sheet.counts.faults.of += ratio.of;
        Ok(())
    }

    /// Everything that can go wrong at each call, once for each way in which the script could notice.
    fn cases(&self, base: &Base<'b>) -> Vec<Case> {
        let mut cases = Vec::new();
        for (call, called) in calls_of(&base.done.records) {
            let mut ways: Vec<(Mishap, usize)> = Vec::new();
            for mishap in self.mishaps(base, &called) {
                match ways.iter_mut().find(|(known, _)| *known == mishap) {
                    Some((_, count)) => *count += 1,
                    None => ways.push((mishap, 1)),
                }
            }
            cases.extend(ways.into_iter().map(|(mishap, stands_for)| Case { call, mishap, stands_for }));
        }
        cases
    }

    fn mishaps(&self, base: &Base<'b>, called: &Called) -> Vec<Mishap> {
        let Some(entry) = self.bench.tools.catalogue.get(&called.tool) else { return Vec::new() };
        let definition = entry.definition();
        let arguments: Value = serde_json::from_str(&called.arguments).unwrap_or(Value::Null);
        let identity = match entry {
            Entry::Tool(tool) => tool.identity(&arguments, None),
            // The host writes in its own store: what it declares are the script's own mistakes.
            Entry::Host(definition) => return answers(definition),
        };
        let mut mishaps: Vec<_> = definition
            .errors
            .iter()
            .flat_map(|error| of_error(error, definition, identity, called.optional, base))
            .collect();
        mishaps.extend(self.of_contract(definition));
        mishaps
    }

    /// What the contract may answer in place of the tool.
    fn of_contract(&self, definition: &Definition) -> Vec<Mishap> {
        let contract = &self.bench.contract;
        let excess = |limit: &Limit| match limit {
            Limit::Rate { beyond, .. } | Limit::Sum { beyond, .. } | Limit::Quiet { beyond, .. }
                if limit.tool() == Some(&definition.name) =>
            {
                Some(*beyond)
            }
            Limit::Rate { .. } | Limit::Sum { .. } | Limit::Quiet { .. } | Limit::Flow(_) => None,
        };
        let beyond: Vec<_> = contract.limits().iter().filter_map(excess).collect();
        let asks = contract.approvals().iter().any(|approval| approval.tool == definition.name);
        let binds = contract.capabilities().iter().any(|capability| {
            capability.tool == definition.name && !capability.bind.is_empty() && capability.fresh_for.is_some()
        });
        let mut mishaps = Vec::new();
        mishaps.extend(beyond.contains(&Excess::Skip).then_some(Mishap::Skipped));
        mishaps.extend((asks || beyond.contains(&Excess::Ask)).then_some(Mishap::NotApproved));
        mishaps.extend(binds.then_some(Mishap::Stale));
        mishaps
    }

    async fn fail(&mut self, base: &Base<'b>, case: &Case) -> Result<(), Trouble> {
        let Some(moment) = moment_of(base, case.call) else { return Ok(()) };
        let mut memory = moment.memory.clone();
        let journal = base.done.records[..moment.records].to_vec();
        let mishap = Some((case.call, case.mishap.clone()));
        let plan = Plan { journal, now: moment.now, mishap, watched: false, ..base.plan.clone() };
        let done = self.execute(&mut memory, plan).await?;
        if done.generated > 0 {
            // A branch that needs an outcome which nobody recorded.
            self.sheet.counts.unexplored += 1;
        }
        look::at(&mut self.sheet, Check::Fault, &done, Tone::of(&done, base.case));
        look::clashes(self, Check::Fault, &done, Code::KeyCoarse, base.case);
        let Some(called) = calls_of(&base.done.records).remove(&case.call) else { return Ok(()) };
        if self.twice(base, &memory, &called, "after it failed") {
            return Ok(());
        }
        self.ignored(base, case, &called, &done, &memory);
        self.recover(base, case, &called, &done, memory).await
    }

    /// Whether something was done twice.
    fn twice(&mut self, base: &Base<'b>, memory: &Memory, called: &Called, when: &str) -> bool {
        let twice = sent_again(base.applied(), &memory.applied).first().map(|deed| deed.tool.clone());
        let Some(tool) = twice else { return false };
        self.sheet.counts.duplicates += 1;
        let words = format!(
            "`{tool}`: the same is done again under another key, {when}: call {}, `{}`",
            called.call, called.tool
        );
        self.sheet.note(Finding::new(Code::Duplicate, Check::Fault, words));
        true
    }

    /// Whether the script goes on after a no as if it had been a yes.
    fn ignored(&mut self, base: &Base<'b>, case: &Case, called: &Called, done: &Done, memory: &Memory) {
        let said_no = match case.mishap {
            Mishap::Refused { .. } | Mishap::NotApproved | Mishap::Stale => true,
            // Left out by a limit: that the contract wants it so, and the script need not say it.
            Mishap::Skipped | Mishap::Unavailable => false,
            Mishap::Later { .. } | Mishap::Uncertain { .. } | Mishap::Ends(_) => false,
        };
        // Without a key the same arguments lead to the same: that a file was gone already is no news to who deletes it.
        if !said_no || called.key.is_none() || !done.is_finished() {
            return;
        }
        // A limit left the call out before anything could go wrong with it.
        if outcome_of(&base.done, case.call) == outcome_of(done, case.call) {
            return;
        }
        let alike = visible_after(&base.done.records, case.call) == visible_after(&done.records, case.call)
            && base.after.values() == memory.values();
        let (call, tool) = (called.call, &called.tool);
        if alike {
            let words = format!("call {call}, `{tool}`: refused or done, the script does and says the same afterwards");
            self.sheet.note(Finding::new(Code::RefusalIgnored, Check::Fault, words));
        } else if let Some(next) = follows(base, called, done) {
            let words =
                format!("call {call}, `{tool}`: refused, and the script goes on with `{next}` about the same thing");
            self.sheet.note(Finding::new(Code::RefusalIgnored, Check::Fault, words));
        }
    }

    /// A later run about the same does what is missing, and nothing twice.
    async fn recover(
        &mut self,
        base: &Base<'b>,
        case: &Case,
        called: &Called,
        done: &Done,
        mut memory: Memory,
    ) -> Result<(), Trouble> {
        let whole = new_since(&memory.applied, base.applied()).is_empty();
        if whole && memory.values() == base.after.values() {
            return Ok(());
        }
        // One notice may tell of several things: that it says something else is enough.
        let told = !memory.told.is_subset(&base.after.told);
        let at = done.now.max(base.done.now) + NEXT_RUN;
        let plan = Plan { at, now: at, ..self.plan(base.case) };
        let next = self.execute(&mut memory, plan).await?;
        look::clashes(self, Check::Fault, &next, Code::KeyCoarse, base.case);
        if self.twice(base, &memory, called, "in the run after one that failed") {
            return Ok(());
        }
        let refused_for_good = matches!(case.mishap, Mishap::NotApproved) || told;
        let missing = new_since(&memory.applied, base.applied());
        let lost = missing.into_iter().find(|deed| deed.is_keyed() && !left_out(&next, deed));
        if let (Some(lost), false) = (lost, refused_for_good) {
            let (call, tool) = (called.call, &called.tool);
            let words = format!(
                "`{}`: after call {call}, `{tool}`, went wrong it is not done by the next run either, and nobody was told",
                lost.tool
            );
            self.sheet.note(Finding::new(Code::EffectLost, Check::Fault, words));
        }
        Ok(())
    }
}

/// The domain answers of a tool.
fn answers(definition: &Definition) -> Vec<Mishap> {
    let domain = definition.errors.iter().filter(|error| error.class.is_none());
    domain.map(|error| Mishap::Refused { code: error.code.clone() }).collect()
}

/// What an error comes to, by the route that it would take.
fn of_error(
    error: &DeclaredError,
    definition: &Definition,
    identity: Option<Identity>,
    optional: bool,
    base: &Base<'_>,
) -> Vec<Mishap> {
    let Some(class) = error.class else { return vec![Mishap::Refused { code: error.code.clone() }] };
    let is_effect = match definition.kind {
        Kind::Read => false,
        Kind::Effect(_) => true,
    };
    // For an effect, whatever proves nothing leaves it uncertain.
    let class = if is_effect && !error.proves_nothing_done { Class::Uncertain } else { class };
    let now = base.case.at;
    let evidence =
        Evidence { identity: identity.filter(|_| is_effect), started_at: now, retry_after: None, repairable: false };
    let budget = Budget { failures: 1, first_failed_at: now };
    let millis = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let help = Mishap::Later { ms: millis(HELP_AFTER) };
    let uncertain = [Mishap::Uncertain { done: true }, Mishap::Uncertain { done: false }];
    let ends = |class| Mishap::Ends(Failure::new(class, &error.code, "in a trial"));
    match route(class, &evidence, budget, &TransientPolicy::default(), now) {
        Route::RetryInPlace { after } => {
            let again = Mishap::Later { ms: millis(after) };
            if optional && !is_effect { vec![again, Mishap::Unavailable] } else { vec![again] }
        }
        Route::WaitThenRetry { until } => vec![Mishap::Later { ms: millis(until.since(now)) }],
        Route::Settle { .. } => uncertain.to_vec(),
        Route::Ask(need) if need.holds_run() && class == Class::Uncertain => uncertain.to_vec(),
        Route::Ask(need) if need.holds_run() => vec![help],
        // The script never sees it: what the run had done until then stays done, and its state is left as it was.
        Route::Ask(_) | Route::Repair | Route::FailClosed(_) => vec![ends(class)],
    }
}
