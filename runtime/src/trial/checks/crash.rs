//! Crash at every step: whoever dies after any record goes on from there, and what is done is the same, each once.

use std::time::Duration;

use intents::trial::{Applied, Check, Code, Finding, new_since, sent_again};

use super::look::{self, Tone};
use super::trial::{Base, Trial};
use crate::executor::Trouble;
use crate::trial::memory::Memory;
use crate::trial::plan::{Done, Moment, Plan};

/// How long a server that died is away.
const AWAY: Duration = Duration::from_secs(11 * 60);

/// How the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// From its journal.
    Journal,
    /// From its first line, as after a conflict over the state, or after a repair: only the ledger knows what was done.
    Afresh,
}

impl<'b> Trial<'b> {
    pub(super) async fn crash(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        let points: Vec<_> =
            base.done.moments.iter().flat_map(|moment| [(moment, On::Journal), (moment, On::Afresh)]).collect();
        let of = base.done.moments.len();
        let chosen = self.choose(points, "crash");
        let mut tried = 0;
        for (moment, on) in &chosen {
            if !self.has_time() {
                break;
            }
            self.die(base, moment, *on).await?;
            tried += 1;
        }
        let all = tried == of * 2;
        let ratio = self.tried(Check::Crash, if all { of } else { tried.div_ceil(2) }, of);
        self.sheet.counts.crash_points.tried += ratio.tried;
        self.sheet.counts.crash_points.of += ratio.of;
        Ok(())
    }

    async fn die(&mut self, base: &Base<'b>, moment: &Moment, on: On) -> Result<(), Trouble> {
        let mut memory = moment.memory.clone();
        let now = moment.now + AWAY;
        let plan = match on {
            On::Journal => {
                let journal = base.done.records[..moment.records].to_vec();
                Plan { journal, now, watched: false, ..base.plan.clone() }
            }
            On::Afresh => {
                memory.settle_all();
                let seed = self.other_seed();
                Plan { at: now, now, seed, generation: 1, watched: false, ..base.plan.clone() }
            }
        };
        let done = self.execute(&mut memory, plan).await?;
        look::at(&mut self.sheet, Check::Crash, &done, Tone::of(&done, base.case));
        self.compare(base, moment, on, &done, &memory);
        Ok(())
    }

    fn compare(&mut self, base: &Base<'b>, moment: &Moment, on: On, done: &Done, memory: &Memory) {
        let place = format!("record {}", moment.records);
        let how = match on {
            On::Journal => "resumed from its journal",
            On::Afresh => "begun afresh",
        };
        let wanted = keyed(base.applied());
        let got = keyed(&memory.applied);
        if let Some(twice) = sent_again(&wanted, &got).first() {
            self.sheet.counts.duplicates += 1;
            let words = format!("`{}`: after a death at {place}, {how}, the same is done again", twice.tool);
            self.sheet.note(Finding::new(Code::Crash, Check::Crash, words));
        } else if let Some(new) = new_since(&wanted, &got).first() {
            let words = format!("`{}`: after a death at {place}, {how}, something else is done", new.tool);
            self.sheet.note(Finding::new(Code::Crash, Check::Crash, words));
        } else if let Some(lost) = new_since(&got, &wanted).first()
            && (done.is_finished() || on == On::Journal)
        {
            let words = format!("`{}`: after a death at {place}, {how}, it is not done any more", lost.tool);
            self.sheet.note(Finding::new(Code::Crash, Check::Crash, words));
        }
    }
}

fn keyed(applied: &Applied) -> Applied {
    applied.iter().filter(|deed| deed.is_keyed()).cloned().collect()
}
