//! A trial as a whole: what is executed, how much of it, and in which order.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::Entry;
use intents::canonical::Digest;
use intents::effect::Key;
use intents::failure::Class;
use intents::journal::Record;
use intents::need::Nth;
use intents::trial::{Applied, Check, Code, Dice, Finding, Ratio, Sheet};

use super::look::{self, Tone};
use super::ways::{self, Asked, WAYS_MAX, Way};
use crate::executor::Trouble;
use crate::executor::tools::Tools;
use crate::trial::bench::Bench;
use crate::trial::case::{CASES_MAX, Case};
use crate::trial::execution::execute;
use crate::trial::memory::Memory;
use crate::trial::past::{self, Past};
use crate::trial::plan::{Done, End, Plan, Turn};
use crate::trial::scan;
use crate::trial::twist::Twist;

/// A person waits for the sheet: what was not tried until then is not tried, and the sheet says so.
pub const TIME_MAX: Duration = Duration::from_secs(30);
/// A first run that does more at once than a person would read is a flood, unless the contract bounds it.
pub const FIRST_RUN_EFFECTS_MAX: usize = 20;

/// A trial under way.
pub(crate) struct Trial<'b> {
    pub(crate) bench: &'b Bench,
    pub(crate) sheet: Sheet,
    ends_at: intents::Timestamp,
    runs: u32,
    /// What is chosen where the script asks, by what it asks.
    answers: BTreeMap<String, Nth>,
}

/// What a case leads to when nothing goes wrong.
pub(crate) struct Base<'b> {
    pub(crate) case: &'b Case,
    pub(crate) plan: Plan<'b>,
    pub(crate) done: Done,
    pub(crate) before: Memory,
    pub(crate) after: Memory,
}

impl Base<'_> {
    pub(crate) fn applied(&self) -> &Applied {
        &self.after.applied
    }
}

/// Tries a script out: everything that can be tried in time, on each case and on past runs.
pub async fn try_out(bench: &Bench, cases: &[Case], past: &[Past]) -> Result<Sheet, Trouble> {
    let mut trial = Trial::new(bench);
    if !trial.shape().await? {
        return Ok(trial.sheet);
    }
    let mut tried = 0;
    for case in cases.iter().take(CASES_MAX) {
        if !trial.has_time() {
            break;
        }
        trial.case(case).await?;
        tried += 1;
    }
    if tried < cases.len() {
        let words = format!("{tried} of {} cases were tried", cases.len());
        trial.sheet.note(Finding::new(Code::Sampled, Check::Shape, words));
    }
    past::history(&mut trial, past).await?;
    if trial.sheet.counts.proven_cases == 0 && !trial.sheet.is_refuted() {
        let words = "nothing that the script reads was recorded, or it came to its end on none of it: what was made up \
                     can refute a script, and proves nothing";
        trial.sheet.note(Finding::new(Code::NothingProven, Check::Shape, words));
    }
    Ok(trial.sheet)
}

impl<'b> Trial<'b> {
    pub(crate) fn new(bench: &'b Bench) -> Self {
        let ends_at = bench.env.now() + TIME_MAX;
        Self { bench, sheet: Sheet::default(), ends_at, runs: 0, answers: BTreeMap::new() }
    }

    /// Whether the script can run at all, and asks for nothing that nobody granted.
    async fn shape(&mut self) -> Result<bool, Trouble> {
        match self.bench.jail.check(&self.bench.script, Bench::script_name()).await {
            Ok(()) => {}
            Err(sandbox::Error::Script(failure)) => {
                self.sheet.note(Finding::new(Code::Shape, Check::Shape, failure.to_string()));
                return Ok(false);
            }
            Err(error) => return Err(Trouble::Jail { reason: error.to_string() }),
        }
        for tool in scan::tools_named(&self.bench.script) {
            if !self.bench.granted.contains(&tool) {
                let words = format!("it names `{tool}`, and no clause of the contract grants it");
                self.sheet.note(Finding::new(Code::ToolUngranted, Check::Shape, words));
            }
        }
        Ok(!self.sheet.is_refuted())
    }

    /// Tries a case on every way through the questions that the script asks.
    async fn case(&mut self, case: &'b Case) -> Result<(), Trouble> {
        self.sheet.counts.cases += 1;
        let (mut ways, mut tried) = (vec![Way::default()], 0);
        while let Some(way) = ways.get(tried).cloned() {
            if tried >= WAYS_MAX || tried > 0 && !self.has_time() {
                let words = format!("{tried} ways through its questions were tried, and there are more");
                self.sheet.note(Finding::new(Code::Sampled, Check::Shape, words));
                break;
            }
            self.answers = way.answers();
            let asked = self.way(case, tried == 0).await?;
            // Those that are found beyond the bound are known to be left out, and that is enough.
            if ways.len() <= WAYS_MAX {
                ways.extend(way.further(&asked));
            }
            tried += 1;
        }
        self.answers.clear();
        Ok(())
    }

    /// Tries one way; gives the questions that came up on it.
    async fn way(&mut self, case: &'b Case, is_first: bool) -> Result<Vec<Asked>, Trouble> {
        let before = Memory::fresh(case);
        let plan = Plan { watched: true, ..self.plan(case) };
        let mut after = before.clone();
        let done = self.execute(&mut after, plan.clone()).await?;
        look::at(&mut self.sheet, Check::Contract, &done, Tone::of(&done, case));
        look::clashes(self, Check::Once, &done, Code::KeyCoarse, case);
        // Where time or memory ran out is no matter of the data.
        if !matches!(&done.end, End::Failed(failure) if failure.class == Class::Limit) {
            self.determinism(&before, &plan, &done).await?;
        }
        let asked = ways::asked(&done.records);
        if !done.is_finished() {
            // That it gives up because of an answer is its way to say so.
            let gives_up = matches!(&done.end, End::Failed(failure) if failure.code == "SCRIPT_STOPPED");
            if is_first || !gives_up {
                self.unfinished(case, &done);
            }
            return Ok(asked);
        }
        if done.generated > 0 || case.made && reads(&self.bench.tools, &done.records) {
            self.sheet.counts.unexplored += done.generated;
        } else if is_first {
            self.sheet.counts.proven_cases += 1;
        }
        let base = Base { case, plan, done, before, after };
        self.once(&base).await?;
        self.crash(&base).await?;
        self.fault(&base).await?;
        self.contract(&base).await?;
        Ok(asked)
    }

    fn unfinished(&mut self, case: &Case, done: &Done) {
        if done.generated > 0 || case.made {
            self.sheet.counts.unexplored += 1;
            return;
        }
        let code = match &done.end {
            End::Failed(failure) => failure.code.as_str(),
            // What the gate refuses is a finding of its own.
            End::Denied | End::Finished { .. } => return,
        };
        let words = format!("in `{}` the run ends with {code}", case.name);
        self.sheet.note(Finding::new(Code::FailsOnSample, Check::Determinism, words));
    }

    /// Two executions of the same leave the same bytes.
    async fn determinism(&mut self, before: &Memory, plan: &Plan<'b>, done: &Done) -> Result<(), Trouble> {
        let again = self.execute(&mut before.clone(), Plan { watched: false, ..plan.clone() }).await?;
        let bytes = |records: &[Record]| serde_json::to_vec(records).expect("a journal is plain data");
        if bytes(&again.records) != bytes(&done.records) {
            let words = "executed again with the same data, the same time and the same chance, its journal differs";
            self.sheet.note(Finding::new(Code::Nondeterminism, Check::Determinism, words));
        }
        Ok(())
    }

    /// A run of a case, about an item of its own.
    pub(crate) fn plan(&mut self, case: &'b Case) -> Plan<'b> {
        let (run, item) = self.bench.run(self.runs);
        self.runs += 1;
        Plan {
            case,
            run,
            item,
            generation: 0,
            at: case.at,
            now: case.at,
            seed: self.bench.seed_of(0),
            journal: Vec::new(),
            twist: Twist::Plain,
            turn: Turn::First,
            mishap: None,
            answers: self.answers.clone(),
            watched: false,
        }
    }

    /// Chance that no run before has drawn.
    pub(crate) fn other_seed(&mut self) -> Digest {
        self.runs += 1;
        self.bench.seed_of(self.runs)
    }

    pub(crate) async fn execute(&mut self, memory: &mut Memory, plan: Plan<'b>) -> Result<Done, Trouble> {
        self.sheet.counts.executions += 1;
        let before = memory.suppressions;
        let done = execute(self.bench, memory, plan).await?;
        self.sheet.counts.suppressions += memory.suppressions - before;
        self.sheet.counts.key_conflicts += u32::try_from(done.clashes.len()).unwrap_or(u32::MAX);
        Ok(done)
    }

    /// Whether there is time for more.
    pub(crate) fn has_time(&self) -> bool {
        self.bench.env.now() < self.ends_at
    }

    /// Chooses what is tried: all of it, or a sample in an order drawn from the seed.
    pub(crate) fn choose<T>(&self, mut all: Vec<T>, purpose: &str) -> Vec<T> {
        let most = self.bench.executions_max;
        if all.len() > most {
            Dice::new(&self.bench.seed, purpose).shuffle(&mut all);
            all.truncate(most);
        }
        all
    }

    /// Counts what was tried, and says so where it was not all.
    pub(crate) fn tried(&mut self, check: Check, tried: usize, of: usize) -> Ratio {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        if tried < of {
            let words = format!("of what could be tried in `{}`, a sample was tried", check.as_str());
            self.sheet.note(Finding::new(Code::Sampled, check, words));
        }
        Ratio { tried: number(tried), of: number(of) }
    }

    /// Whether a key has no part that the data gives: each part is a time by name, or what started the run says it.
    pub(crate) fn is_per_time_or_input(&self, tool: &intents::tool::Name, key: &Key, case: &Case) -> bool {
        let Some(once) = self.bench.contract.once_of(tool) else { return false };
        let parts = key.to_value();
        once.per.iter().all(|part| {
            look::is_period(part.as_str())
                || parts.get(part.as_str()).is_some_and(|value| look::says(&case.input, value))
        })
    }
}

/// Whether anything was read that a recording could have given.
fn reads(tools: &Tools, records: &[Record]) -> bool {
    let calls = intents::journal::recorded(records);
    calls.iter().any(|call| match tools.catalogue.get(&call.called.tool) {
        Some(Entry::Tool(tool)) => !tool.definition().is_effect(),
        Some(Entry::Host(_)) | None => false,
    })
}
