//! Runs by automation, for those who ask for it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use intents::id::AutomationId;
use intents::run::Phase;

use super::instrument::Counter;

/// Automations that are told apart; the runs of further ones are counted together.
const TOLD_APART_MAX: usize = 500;

/// How runs ended, by automation.
#[derive(Debug, Default)]
pub struct Automations(RwLock<BTreeMap<Option<AutomationId>, Ends>>);

/// How runs ended.
#[derive(Debug, Default)]
struct Ends {
    succeeded: Counter,
    failed: Counter,
    stopped: Counter,
}

impl Automations {
    /// A run has ended.
    pub fn ended(&self, automation: AutomationId, phase: Phase) {
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(ends) = known.get(&Some(automation)) {
                return ends.count(phase);
            }
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let place = if known.len() < TOLD_APART_MAX { Some(automation) } else { None };
        known.entry(place).or_default().count(phase);
    }

    /// How many runs of each automation ended in each phase. Without an automation: all further ones together.
    pub fn read(&self) -> Vec<(Option<AutomationId>, Phase, u64)> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let each = |(automation, ends): (&Option<AutomationId>, &Ends)| {
            [
                (*automation, Phase::Succeeded, ends.succeeded.get()),
                (*automation, Phase::Failed, ends.failed.get()),
                (*automation, Phase::Stopped, ends.stopped.get()),
            ]
        };
        known.iter().flat_map(each).collect()
    }
}

impl Ends {
    fn count(&self, phase: Phase) {
        match phase {
            Phase::Succeeded => self.succeeded.one(),
            Phase::Failed => self.failed.one(),
            Phase::Stopped => self.stopped.one(),
            Phase::Queued | Phase::Running | Phase::Waiting | Phase::Skipped => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use intents::Timestamp;

    use super::*;

    #[test]
    fn only_so_many_automations_are_told_apart() {
        let automations = Automations::default();
        for number in 0..u128::try_from(TOLD_APART_MAX).unwrap() + 10 {
            automations.ended(AutomationId::from_parts(Timestamp::EPOCH, number), Phase::Failed);
        }
        let read = automations.read();
        assert_eq!(read.len(), 3 * (TOLD_APART_MAX + 1));
        assert!(read.contains(&(None, Phase::Failed, 10)));
    }
}
