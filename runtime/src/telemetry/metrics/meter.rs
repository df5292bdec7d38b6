//! What attempts and the API count.

use std::sync::Arc;
use std::time::Duration;

use intents::effect::State;
use intents::failure::Class;
use intents::id::AutomationId;
use intents::outcome::{Failure, Outcome};
use intents::run::Phase;
use intents::tool::Name;

use super::automations::Automations;
use super::exposition::Exposition;
use super::instrument::{Counter, Histogram, SECONDS};
use crate::executor::Ending;

/// What attempts and the API count. Clones share everything.
#[derive(Debug, Clone)]
pub struct Meter(Arc<Figures>);

#[derive(Debug)]
struct Figures {
    endings: [Counter; Attempt::ALL.len()],
    attempt_seconds: Histogram,
    /// Sorted by the name; the last one stands for tools that are not there.
    tools: Box<[Tool]>,
    faults: [Counter; Class::ALL.len()],
    effects: [Counter; EffectSight::ALL.len()],
    verdicts: [Counter; GateVerdict::ALL.len()],
    forks: Counter,
    failures: [Counter; Class::ALL.len()],
    deaths: [Counter; Death::ALL.len()],
    answers: [Counter; STATUS_CLASSES.len()],
    answer_seconds: Histogram,
    automations: Option<Automations>,
}

#[derive(Debug)]
struct Tool {
    name: String,
    ends: [Counter; CallEnd::ALL.len()],
}

/// A tool among those of a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolPlace(usize);

/// How an attempt left its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Succeeded,
    Failed,
    Stopped,
    Asleep,
    Overtaken,
    Parked,
    Troubled,
}

impl Attempt {
    const ALL: [Self; 7] =
        [Self::Succeeded, Self::Failed, Self::Stopped, Self::Asleep, Self::Overtaken, Self::Parked, Self::Troubled];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Asleep => "asleep",
            Self::Overtaken => "overtaken",
            Self::Parked => "parked",
            Self::Troubled => "troubled",
        }
    }
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// A value.
    Value,
    /// The service refused it, for a reason that the script sees.
    Refused,
    /// A clause of the contract left it out.
    Skipped,
    /// It failed, and was tried again, settled, asked about, or ended the run.
    Fault,
}

impl CallEnd {
    /// Every end.
    pub const ALL: [Self; 4] = [Self::Value, Self::Refused, Self::Skipped, Self::Fault];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
            Self::Fault => "fault",
        }
    }

    /// The end that an outcome is.
    pub const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Value(_) => Self::Value,
            Outcome::Refused(_) => Self::Refused,
            Outcome::Skipped { .. } => Self::Skipped,
        }
    }
}

/// What attempts see of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectSight {
    /// It was claimed in the ledger, and is performed.
    Started,
    /// It happened.
    Applied,
    /// It did not happen.
    NotApplied,
    /// Nobody knows whether it happened.
    Uncertain,
    /// It had happened before, and its outcome was given back.
    GivenBack,
    /// It had happened before with other arguments.
    Conflict,
}

impl EffectSight {
    /// Every sight.
    pub const ALL: [Self; 6] =
        [Self::Started, Self::Applied, Self::NotApplied, Self::Uncertain, Self::GivenBack, Self::Conflict];

    /// What a state of the ledger is to those who see it.
    pub const fn of(state: State) -> Self {
        match state {
            State::Started => Self::Started,
            State::Applied => Self::Applied,
            State::NotApplied => Self::NotApplied,
            State::Uncertain => Self::Uncertain,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Applied => "applied",
            Self::NotApplied => "not_applied",
            Self::Uncertain => "uncertain",
            Self::GivenBack => "given_back",
            Self::Conflict => "conflict",
        }
    }
}

/// What the gate says about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateVerdict {
    /// It may be made.
    Allow,
    /// It may not.
    Deny,
    /// It may be made later.
    Wait,
    /// It is left out.
    Skip,
    /// A person is asked.
    Ask,
}

impl GateVerdict {
    /// Every verdict.
    pub const ALL: [Self; 5] = [Self::Allow, Self::Deny, Self::Wait, Self::Skip, Self::Ask];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Wait => "wait",
            Self::Skip => "skip",
            Self::Ask => "ask",
        }
    }
}

/// What the process of a script died of, other than its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// It broke a limit.
    Limit,
    /// It ended for no reason that it gave.
    Crash,
}

impl Death {
    const ALL: [Self; 2] = [Self::Limit, Self::Crash];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Crash => "crash",
        }
    }

    fn of(failure: &Failure) -> Option<Self> {
        match failure.code.as_str() {
            CRASHED => Some(Self::Crash),
            _ => (failure.class == Class::Limit).then_some(Self::Limit),
        }
    }
}

/// The code of a process that ended for no reason that it gave.
const CRASHED: &str = "SANDBOX_CRASHED";
/// Answers of the API, by the first digit of their status.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// What stands for a tool that is not there.
const NO_TOOL: &str = "unknown";

impl Meter {
    /// A meter for these tools; with `by_automation` runs are counted for each automation too.
    pub fn new<'n>(tools: impl Iterator<Item = &'n Name>, by_automation: bool) -> Self {
        let mut names: Vec<_> = tools.map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names.push(NO_TOOL.to_owned());
        Self(Arc::new(Figures {
            endings: Default::default(),
            attempt_seconds: Histogram::new(SECONDS),
            tools: names.into_iter().map(|name| Tool { name, ends: Default::default() }).collect(),
            faults: Default::default(),
            effects: Default::default(),
            verdicts: Default::default(),
            forks: Counter::default(),
            failures: Default::default(),
            deaths: Default::default(),
            answers: Default::default(),
            answer_seconds: Histogram::new(SECONDS),
            automations: by_automation.then(Automations::default),
        }))
    }

    /// An attempt has ended; none, when it met trouble.
    pub fn attempt(&self, ending: Option<Ending>, took: Duration) {
        let attempt = match ending {
            None => Attempt::Troubled,
            // Nothing was begun.
            Some(Ending::NotReady) => return,
            Some(Ending::Asleep) => Attempt::Asleep,
            Some(Ending::Overtaken) => Attempt::Overtaken,
            Some(Ending::Parked) => Attempt::Parked,
            Some(Ending::Over(phase)) => match phase {
                Phase::Succeeded => Attempt::Succeeded,
                Phase::Failed => Attempt::Failed,
                Phase::Stopped => Attempt::Stopped,
                Phase::Queued | Phase::Running | Phase::Waiting | Phase::Skipped => Attempt::Parked,
            },
        };
        self.0.endings[attempt as usize].one();
        self.0.attempt_seconds.took(took);
    }

    /// A run of an automation has ended.
    pub fn run_ended(&self, automation: AutomationId, phase: Phase) {
        if let Some(automations) = &self.0.automations {
            automations.ended(automation, phase);
        }
    }

    /// The tool of a call, so that it is looked for once.
    pub fn tool(&self, name: &str) -> ToolPlace {
        let tools = &self.0.tools;
        let known = tools.len() - 1;
        ToolPlace(tools[..known].binary_search_by(|other| other.name.as_str().cmp(name)).unwrap_or(known))
    }

    /// A call has come to something.
    pub fn call(&self, tool: ToolPlace, end: CallEnd) {
        self.0.tools[tool.0].ends[end as usize].one();
    }

    /// A call has failed.
    pub fn fault(&self, class: Class) {
        self.0.faults[class as usize].one();
    }

    /// The process of a script was made.
    pub fn forked(&self) {
        self.0.forks.one();
    }

    /// A run has failed.
    pub fn failed(&self, failure: &Failure) {
        self.0.failures[failure.class as usize].one();
        if let Some(death) = Death::of(failure) {
            self.0.deaths[death as usize].one();
        }
    }

    /// An attempt has seen this of an effect.
    pub fn effect(&self, sight: EffectSight) {
        self.0.effects[sight as usize].one();
    }

    /// The gate has said this about a call.
    pub fn verdict(&self, verdict: GateVerdict) {
        self.0.verdicts[verdict as usize].one();
    }

    /// The API has answered.
    pub fn answer(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        self.0.answers[class].one();
        self.0.answer_seconds.took(took);
    }

    /// Writes everything.
    pub fn write(&self, exposition: &mut Exposition) {
        let figures = &*self.0;
        exposition.counter("steward_attempts_total", "Attempts that have ended, by how they left their run.");
        for (attempt, count) in Attempt::ALL.into_iter().zip(&figures.endings) {
            exposition.value(&[("ending", attempt.as_str())], count.get());
        }
        let reading = figures.attempt_seconds.read();
        exposition.seconds("steward_attempt_duration_seconds", "How long attempts took.", &[], &reading);
        exposition.counter("steward_sandbox_forks_total", "Processes that were made for scripts.");
        exposition.value(&[], figures.forks.get());
        exposition.counter("steward_sandbox_deaths_total", "Processes of scripts that were killed or died.");
        for (death, count) in Death::ALL.into_iter().zip(&figures.deaths) {
            exposition.value(&[("cause", death.as_str())], count.get());
        }
        exposition.counter("steward_run_failures_total", "Runs that failed in an attempt, by class.");
        for (class, count) in Class::ALL.into_iter().zip(&figures.failures) {
            exposition.value(&[("class", class.as_str())], count.get());
        }
        exposition.counter("steward_calls_total", "Steps of calls that came to something, by tool.");
        for tool in &figures.tools {
            for (end, count) in CallEnd::ALL.into_iter().zip(&tool.ends) {
                exposition.value(&[("tool", &tool.name), ("outcome", end.as_str())], count.get());
            }
        }
        exposition.counter("steward_call_faults_total", "Failures of calls, by class.");
        for (class, count) in Class::ALL.into_iter().zip(&figures.faults) {
            exposition.value(&[("class", class.as_str())], count.get());
        }
        exposition.counter("steward_gate_verdicts_total", "What the gate said about calls.");
        for (verdict, count) in GateVerdict::ALL.into_iter().zip(&figures.verdicts) {
            exposition.value(&[("verdict", verdict.as_str())], count.get());
        }
        exposition.counter("steward_effects_total", "What attempts saw of effects.");
        for (sight, count) in EffectSight::ALL.into_iter().zip(&figures.effects) {
            exposition.value(&[("state", sight.as_str())], count.get());
        }
        exposition.counter("steward_http_answers_total", "Answers of the API, by status.");
        for (class, count) in STATUS_CLASSES.into_iter().zip(&figures.answers) {
            exposition.value(&[("status", class)], count.get());
        }
        let reading = figures.answer_seconds.read();
        exposition.seconds("steward_http_answer_duration_seconds", "How long the API took to answer.", &[], &reading);
        if let Some(automations) = &figures.automations {
            exposition.counter("steward_automation_runs_total", "Runs that have ended, by automation.");
            for (automation, phase, count) in automations.read() {
                let automation = automation.map_or_else(|| "other".to_owned(), |automation| automation.to_string());
                exposition.value(&[("automation", &automation), ("outcome", phase.as_str())], count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_in_the_order_of_its_variants() {
        assert!(Attempt::ALL.iter().enumerate().all(|(place, item)| *item as usize == place));
        assert!(CallEnd::ALL.iter().enumerate().all(|(place, item)| *item as usize == place));
        assert!(EffectSight::ALL.iter().enumerate().all(|(place, item)| *item as usize == place));
        assert!(GateVerdict::ALL.iter().enumerate().all(|(place, item)| *item as usize == place));
        assert!(Death::ALL.iter().enumerate().all(|(place, item)| *item as usize == place));
        assert!(Class::ALL.iter().enumerate().all(|(place, item)| *item as usize == place));
    }

    #[test]
    fn a_tool_that_nobody_knows_makes_no_series_of_its_own() {
        let tools: Vec<Name> = ["http.get", "email.send"].map(|name| name.parse().unwrap()).into();
        let meter = Meter::new(tools.iter(), false);
        for tool in ["http.get", "http.get", "evil.tool", "", "email.send"] {
            meter.call(meter.tool(tool), CallEnd::Value);
        }
        let mut exposition = Exposition::default();
        meter.write(&mut exposition);
        let text = exposition.finish();
        for line in [
            "steward_calls_total{tool=\"email.send\",outcome=\"value\"} 1\n",
            "steward_calls_total{tool=\"http.get\",outcome=\"value\"} 2\n",
            "steward_calls_total{tool=\"unknown\",outcome=\"value\"} 2\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("evil"));
    }
}
