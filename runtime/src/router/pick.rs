//! Fair turns.

use std::collections::BTreeMap;

use intents::id::AutomationId;
use intents::schedule::CONCURRENT_MAX;

use crate::store::Runnable;

/// What is free and what is taken.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Places that are free.
    pub free: usize,
    /// Places that each automation has taken.
    pub taken: BTreeMap<AutomationId, usize>,
}

/// Picks the runs that go next. `waiting` is in order of age.
///
/// An automation whose runs do not overlap gets one place, and its oldest run takes it. Automations take turns.
pub fn pick(waiting: &[Runnable], places: &Places) -> Vec<Runnable> {
    let mut queues: BTreeMap<AutomationId, (usize, Vec<Runnable>)> = BTreeMap::new();
    for runnable in waiting {
        let most = room_of(runnable.overlaps);
        let taken = places.taken.get(&runnable.automation).copied().unwrap_or(0);
        let (room, queue) =
            queues.entry(runnable.automation).or_insert_with(|| (most.saturating_sub(taken), Vec::new()));
        if queue.len() < *room {
            queue.push(*runnable);
        }
    }
    let mut queues: Vec<_> = queues.into_values().map(|(_, queue)| queue).filter(|queue| !queue.is_empty()).collect();
    // Whoever has waited longest goes first in each round.
    queues.sort_by_key(|queue| queue[0].run);
    let longest = queues.iter().map(Vec::len).max().unwrap_or(0);
    let rounds = (0..longest).flat_map(|round| queues.iter().filter_map(move |queue| queue.get(round)));
    rounds.take(places.free).copied().collect()
}

/// How many runs of an automation may be under way at once.
pub(crate) const fn room_of(overlaps: bool) -> usize {
    if overlaps { CONCURRENT_MAX } else { 1 }
}

#[cfg(test)]
mod tests {
    use intents::Timestamp;
    use intents::id::RunId;
    use proptest::prelude::*;

    use super::*;

    fn runnable(automation: u128, run: u128, overlaps: bool) -> Runnable {
        Runnable {
            run: RunId::from_parts(Timestamp::from_millis(1), run),
            automation: AutomationId::from_parts(Timestamp::EPOCH, automation),
            overlaps,
        }
    }

    #[test]
    fn one_busy_automation_does_not_starve_the_others() {
        let mut waiting: Vec<_> = (0..100).map(|run| runnable(1, run, true)).collect();
        waiting.push(runnable(2, 500, false));
        let picked = pick(&waiting, &Places { free: 4, taken: BTreeMap::new() });
        assert!(picked.contains(&runnable(2, 500, false)), "{picked:?}");
    }

    proptest! {
        #[test]
        fn order_is_kept_and_no_place_is_taken_twice(
            waiting in prop::collection::vec(0u128..4, 0..60),
            overlapping in prop::collection::vec(any::<bool>(), 4),
            taken in prop::collection::btree_map(0u128..4, 0usize..3, 0..4),
            free in 0usize..20,
        ) {
            let runs: Vec<_> = waiting.iter().enumerate()
                .map(|(run, automation)| runnable(*automation, run as u128, overlapping[*automation as usize]))
                .collect();
            let taken: BTreeMap<_, _> =
                taken.into_iter().map(|(of, count)| (AutomationId::from_parts(Timestamp::EPOCH, of), count)).collect();
            let picked = pick(&runs, &Places { free, taken: taken.clone() });
            prop_assert!(picked.len() <= free);
            for automation in 0..4u128 {
                let id = AutomationId::from_parts(Timestamp::EPOCH, automation);
                let mine: Vec<_> = picked.iter().filter(|runnable| runnable.automation == id).collect();
                let all: Vec<_> = runs.iter().filter(|runnable| runnable.automation == id).collect();
                prop_assert_eq!(&mine[..], &all[..mine.len()], "the oldest go first");
                let most = room_of(overlapping[automation as usize]);
                prop_assert!(mine.is_empty() || mine.len() + taken.get(&id).copied().unwrap_or(0) <= most);
            }
        }
    }
}
