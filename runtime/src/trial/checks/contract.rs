//! The contract holds with hostile strings in what is read, too.

use intents::trial::{Check, HOSTILE, Hostile};

use super::look::{self, Tone};
use super::trial::{Base, Trial};
use crate::executor::Trouble;
use crate::trial::plan::Plan;
use crate::trial::twist::Twist;

/// Strings of one read that become hostile one by one; those of further rows say the same again.
const STRINGS_MAX: usize = 12;
/// Reads whose strings become hostile one by one.
const READS_MAX: u32 = 6;

impl<'b> Trial<'b> {
    pub(super) async fn contract(&mut self, base: &Base<'b>) -> Result<(), Trouble> {
        let reads = u32::try_from(base.case.recordings.len()).unwrap_or(u32::MAX).min(READS_MAX);
        let mut all: Vec<(&'static Hostile, Option<(u32, usize)>)> = HOSTILE.iter().map(|kind| (kind, None)).collect();
        for read in 0..reads {
            for string in 0..STRINGS_MAX.min(strings(base, read)) {
                all.extend(HOSTILE.iter().map(|kind| (kind, Some((read, string)))));
            }
        }
        let of = all.len();
        let mut tried = 0;
        for (hostile, only) in self.choose(all, "hostile") {
            if !self.has_time() {
                break;
            }
            let twist = Twist::Hostile { hostile, only };
            let plan = Plan { twist, ..self.plan(base.case) };
            let done = self.execute(&mut base.before.clone(), plan).await?;
            look::at(&mut self.sheet, Check::Contract, &done, Tone::Hostile);
            tried += 1;
        }
        let ratio = self.tried(Check::Contract, tried, of);
        self.sheet.counts.hostile.tried += ratio.tried;
        self.sheet.counts.hostile.of += ratio.of;
        Ok(())
    }
}

/// How many strings a recorded read has.
fn strings(base: &Base<'_>, read: u32) -> usize {
    let recording = base.case.recordings.get(usize::try_from(read).unwrap_or(usize::MAX));
    match recording.map(|recording| &recording.outcome) {
        Some(intents::outcome::Outcome::Value(value)) => {
            intents::trial::taint(&mut value.clone(), &HOSTILE[0], None, false)
        }
        Some(intents::outcome::Outcome::Refused(_) | intents::outcome::Outcome::Skipped { .. }) | None => 0,
    }
}
