//! Once: about the same subjects nothing is done again, whatever changes; about others one thing each.

use std::time::Duration;

use intents::contract::Limit;
use intents::tool::Name;
use intents::trial::{Applied, Check, Code, Deed, Finding, new_since, sent_again};

use super::look;
use super::trial::{Base, FIRST_RUN_EFFECTS_MAX, Trial};
use crate::executor::Trouble;
use crate::trial::memory::Memory;
use crate::trial::plan::{Done, Plan, Turn};
use crate::trial::twist::Twist;

/// A little later: still the same hour.
const SOON: Duration = Duration::from_secs(7 * 60);
/// The next day, at another hour.
const NEXT_DAY: Duration = Duration::from_secs(25 * 3600);
/// What is new on each of so many days in a row is new every day: a threshold that is passed is new on one.
const DAYS: u32 = 3;
/// At the same time: whatever differs then is no matter of the clock.
const AT_ONCE: Duration = Duration::ZERO;

impl<'b> Trial<'b> {
    pub(super) async fn once(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        self.first_run(base).await?;
        // As after a run that failed at its end: everything was done, and the state knows nothing of it.
        let start = base.after.without_progress(base.case);
        self.again(base, &base.after).await?;
        self.again(base, &start).await?;
        self.chance(base, &start).await?;
        self.soon(base, &start).await?;
        self.days(base).await?;
        self.order(base, &start, Twist::Reversed, Turn::First).await?;
        self.order(base, &start, Twist::Plain, Turn::Last).await?;
        self.others(base).await
    }

    fn later(&mut self, base: &Base<'b>, after: Duration) -> Plan<'b> {
        let at = base.case.at + after;
        Plan { at, now: at, ..self.plan(base.case) }
    }

    /// The same again, at once.
    async fn again(&mut self, base: &Base<'b>, start: &Memory) -> Result<(), Trouble> {
        let mut memory = start.clone();
        let plan = self.later(base, AT_ONCE);
        let done = self.execute(&mut memory, plan).await?;
        look::clashes(self, Check::Once, &done, Code::KeyCoarse, base.case);
        self.none_new(&start.applied, &memory.applied, Code::NotOnce, "a second run about the same does it again");
        Ok(())
    }

    async fn chance(&mut self, base: &Base<'b>, start: &Memory) -> Result<(), Trouble> {
        let mut memory = start.clone();
        let seed = self.other_seed();
        let plan = Plan { seed, ..self.later(base, AT_ONCE) };
        let done = self.execute(&mut memory, plan).await?;
        look::clashes(self, Check::Once, &done, Code::KeyChance, base.case);
        self.none_new(&start.applied, &memory.applied, Code::KeyChance, "with other chance the same is done again");
        Ok(())
    }

    /// Minutes later, twice: what is new each time has the clock in its key.
    async fn soon(&mut self, base: &Base<'b>, start: &Memory) -> Result<(), Trouble> {
        let mut memory = start.clone();
        let mut new = Vec::new();
        for step in 1..=2 {
            memory = memory.without_progress(base.case);
            let before = memory.applied.clone();
            let plan = self.later(base, SOON * step);
            let done = self.execute(&mut memory, plan).await?;
            if look::clashes(self, Check::Once, &done, Code::KeyClock, base.case) {
                return Ok(());
            }
            new.push(keyed_new(&before, &memory.applied));
        }
        if let Some(tool) = new.iter().all(|new| !new.is_empty()).then(|| new[0].first().cloned()).flatten() {
            let words = format!("`{tool}`: minutes later the same is done again, each time");
            self.sheet.note(Finding::new(Code::KeyClock, Check::Once, words));
            self.sheet.counts.duplicates += 1;
        }
        Ok(())
    }

    /// Days later, in a row.
    async fn days(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        let mut memory = base.after.clone();
        let mut new: Vec<Vec<Deed>> = Vec::new();
        for day in 1..=DAYS {
            let before = memory.applied.clone();
            let plan = self.later(base, NEXT_DAY * day);
            let done = self.execute(&mut memory, plan).await?;
            if look::clashes(self, Check::Once, &done, Code::KeyClock, base.case) {
                return Ok(());
            }
            let deeds = new_since(&before, &memory.applied).into_iter().filter(|deed| deed.is_keyed());
            new.push(deeds.cloned().collect());
        }
        let Some(tool) = again_and_again(base.applied(), &new) else { return Ok(()) };
        let per = self.bench.contract.once_of(&tool).map(|once| once.per.as_slice()).unwrap_or_default();
        if let Some(part) = per.iter().find(|part| look::is_period(part.as_str())) {
            let words = format!("`{tool}`: the same is done again for each new `{part}`, as the contract says");
            self.sheet.note(Finding::new(Code::Calendar, Check::Once, words));
        } else {
            let words =
                format!("`{tool}`: each day the same is done again, and no part of its key is named for a time");
            self.sheet.note(Finding::new(Code::KeyClock, Check::Once, words));
            self.sheet.counts.duplicates += 1;
        }
        Ok(())
    }

    /// Rows, or answers, come in another order.
    async fn order(&mut self, base: &Base<'b>, start: &Memory, twist: Twist, turn: Turn) -> Result<(), Trouble> {
        let mut memory = start.clone();
        let plan = Plan { twist, turn, ..self.later(base, AT_ONCE) };
        let done = self.execute(&mut memory, plan).await?;
        look::clashes(self, Check::Once, &done, Code::KeyOrder, base.case);
        if let Some(twice) = sent_again(&start.applied, &memory.applied).first() {
            let words = format!("`{}`: with rows or answers in another order the same is done again", twice.tool);
            self.sheet.counts.duplicates += 1;
            self.sheet.note(Finding::new(Code::KeyOrder, Check::Once, words));
        } else if let Some(tool) = keyed_new(&start.applied, &memory.applied).first() {
            let words = format!("`{tool}`: which things it is about depends on the order of rows");
            self.sheet.note(Finding::new(Code::OrderChooses, Check::Once, words));
        }
        Ok(())
    }

    /// Other subjects, and one more among the same.
    async fn others(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        // What a person starts by hand has any input; one that was made up may lack what keys are made of.
        if base.case.made {
            return Ok(());
        }
        let start = base.after.without_progress(base.case);
        for (twist, code) in [(Twist::Others, Code::KeyCoarse), (Twist::Front, Code::KeyOrder)] {
            let plan = Plan { twist, ..self.later(base, AT_ONCE) };
            let done = self.execute(&mut start.clone(), plan).await?;
            if look::clashes(self, Check::Once, &done, code, base.case) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// How much a first run does.
    async fn first_run(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        let count = |applied: &Applied, tool: &Name| applied.iter().filter(|deed| deed.tool == *tool).count();
        let keyed = base.applied().iter().filter(|deed| deed.is_keyed());
        let all = u32::try_from(keyed.clone().count()).unwrap_or(u32::MAX);
        self.sheet.counts.first_run_effects = self.sheet.counts.first_run_effects.max(all);
        let mut tools: Vec<Name> = keyed.map(|deed| deed.tool.clone()).collect();
        tools.dedup();
        tools.retain(|tool| !self.is_bounded(tool));
        if tools.is_empty() {
            return Ok(());
        }
        let mut memory = base.before.clone();
        let plan = Plan { twist: Twist::Front, ..self.plan(base.case) };
        let done: Done = self.execute(&mut memory, plan).await?;
        for tool in tools {
            let first = count(base.applied(), &tool);
            if first > FIRST_RUN_EFFECTS_MAX {
                let words = format!(
                    "the first run calls `{tool}` {first} times, and no limit, approval or envelope of the contract \
                     bounds it"
                );
                self.sheet.note(Finding::new(Code::Flood, Check::Once, words));
            } else if done.is_finished() && count(&memory.applied, &tool) > first {
                let words = format!(
                    "the first run calls `{tool}` once for each row that is there, however old, and nothing bounds how many"
                );
                self.sheet.note(Finding::new(Code::FirstRun, Check::Once, words));
            }
        }
        Ok(())
    }

    /// Whether the contract says how many there may be, or asks.
    fn is_bounded(&self, tool: &Name) -> bool {
        let limited = self.bench.contract.limits().iter().any(|limit| match limit {
            Limit::Rate { rate, .. } => rate.tool == *tool && rate.per.is_none(),
            Limit::Sum { sum, .. } => sum.tool == *tool && sum.per.is_none(),
            Limit::Quiet { .. } | Limit::Flow(_) => false,
        });
        let asked = self.bench.contract.approvals().iter().any(|approval| approval.tool == *tool);
        limited || asked
    }

    fn none_new(&mut self, before: &Applied, after: &Applied, code: Code, what: &str) {
        for tool in keyed_new(before, after) {
            self.sheet.counts.duplicates += 1;
            self.sheet.note(Finding::new(code, Check::Once, format!("`{tool}`: {what}")));
        }
    }
}

/// A tool that does the same on each day: as much as at first, or something with the same arguments. One thing or another
/// that comes of age on each of the days is no repetition.
fn again_and_again(first: &Applied, days: &[Vec<Deed>]) -> Option<Name> {
    let of = |day: &[Deed], tool: &Name| day.iter().filter(|deed| deed.tool == *tool).count();
    let (one, others) = days.split_first()?;
    let found = one.iter().find(|deed| {
        let at_first = first.iter().filter(|known| known.is_keyed() && known.tool == deed.tool).count();
        let as_much = days.iter().all(|day| of(day, &deed.tool) >= at_first.max(1));
        let is_there = |other: &Deed| other.tool == deed.tool && other.arguments == deed.arguments;
        as_much || others.iter().all(|day| day.iter().any(is_there))
    });
    found.map(|deed| deed.tool.clone())
}

/// The tools of new effects under keys.
fn keyed_new(before: &Applied, after: &Applied) -> Vec<Name> {
    new_since(before, after).into_iter().filter(|deed| deed.is_keyed()).map(|deed| deed.tool.clone()).collect()
}
