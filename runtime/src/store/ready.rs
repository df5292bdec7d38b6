//! Runs that wait for their turn, as memory knows them: the next ones of each automation, in their order.
//!
//! The database is the truth. Commits feed this, and where it does not have all of an automation's runs, it says so, and
//! the next ones are read when there is room for them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use intents::id::{AutomationId, RunId};
use intents::schedule::CONCURRENT_MAX;

use super::run::Runnable;

/// Runs of one automation that are held: a few times as many as may be under way at once, so that reading more is rare.
pub(super) const WINDOW: usize = 4 * CONCURRENT_MAX;

/// Automations that are read on for one look; the others' turn comes with the next.
const UNREAD_MAX: usize = 64;

/// The next runs of each automation.
#[derive(Debug, Default)]
pub(super) struct Ready(Mutex<Queues>);

#[derive(Debug, Default)]
struct Queues {
    automations: HashMap<AutomationId, Queue>,
    /// The automations that have runs waiting, by the oldest of these.
    oldest: BTreeSet<(RunId, AutomationId)>,
}

/// The oldest waiting runs of one automation.
#[derive(Debug, Default)]
struct Queue {
    runs: BTreeSet<(RunId, bool)>,
    /// Whether the database has more, all of them younger than those here.
    more: bool,
    /// Where it stands among the others.
    place: Option<RunId>,
}

/// What a look at the queues gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The runs that could go next, those of the automations that have waited longest first.
    pub(super) runs: Vec<Runnable>,
    /// Automations whose next runs are to be read first.
    pub(super) unread: Vec<AutomationId>,
}

impl Ready {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run waits for its turn.
    pub(super) fn add(&self, runnable: Runnable) {
        self.queues().change(runnable.automation, |queue| {
            let younger = queue.runs.last().is_none_or(|(last, _)| runnable.run > *last);
            if younger && (queue.more || queue.runs.len() >= WINDOW) {
                queue.more = true;
                return;
            }
            queue.runs.insert((runnable.run, runnable.overlaps));
            if queue.runs.len() > WINDOW {
                queue.runs.pop_last();
                queue.more = true;
            }
        });
    }

    /// A run waits no more.
    pub(super) fn remove(&self, automation: AutomationId, run: RunId) {
        self.queues().change(automation, |queue| queue.runs.retain(|(waiting, _)| *waiting != run));
    }

    /// The database may have runs of an automation that are not here; the oldest of them is known.
    pub(super) fn expect(&self, automation: AutomationId, oldest: RunId) {
        self.queues().change(automation, |queue| {
            queue.more = true;
            if queue.runs.is_empty() {
                queue.place = Some(oldest);
            }
        });
    }

    /// Takes what the database has for an automation: its oldest runs, and whether there are more. What waits here stays:
    /// it may have come while the others were read.
    pub(super) fn fill(&self, automation: AutomationId, runs: Vec<Runnable>, more: bool) {
        self.queues().change(automation, |queue| {
            queue.more = more;
            queue.place = None;
            queue.runs.extend(runs.iter().map(|runnable| (runnable.run, runnable.overlaps)));
            while queue.runs.len() > WINDOW {
                queue.runs.pop_last();
                queue.more = true;
            }
        });
    }

    /// The next runs, at most so many of each automation as may be under way at once, without those that have no room
    /// or are not to run.
    pub(super) fn look(
        &self,
        most: usize,
        left_out: &[AutomationId],
        mut is_active: impl FnMut(AutomationId) -> bool,
    ) -> Look {
        let queues = self.queues();
        let mut look = Look::default();
        for (_, automation) in &queues.oldest {
            if look.runs.len() >= most || look.unread.len() >= UNREAD_MAX {
                break;
            }
            if left_out.contains(automation) || !is_active(*automation) {
                continue;
            }
            let Some(queue) = queues.automations.get(automation) else { continue };
            if queue.more && queue.runs.len() < CONCURRENT_MAX {
                look.unread.push(*automation);
            }
            let room = (most - look.runs.len()).min(CONCURRENT_MAX);
            look.runs.extend(queue.runs.iter().take(room).map(|(run, overlaps)| Runnable {
                run: *run,
                automation: *automation,
                overlaps: *overlaps,
            }));
        }
        look
    }
}

impl Queues {
    fn change(&mut self, automation: AutomationId, change: impl FnOnce(&mut Queue)) {
        let queue = self.automations.entry(automation).or_default();
        let before = queue.standing();
        change(queue);
        let after = queue.standing();
        if before != after {
            before.map(|run| self.oldest.remove(&(run, automation)));
            after.map(|run| self.oldest.insert((run, automation)));
        }
        if after.is_none() {
            self.automations.remove(&automation);
        }
    }
}

impl Queue {
    /// Its oldest run, known or expected.
    fn standing(&self) -> Option<RunId> {
        match self.runs.first() {
            Some((run, _)) => Some(*run),
            None if self.more => Some(self.place.unwrap_or(RunId::ZERO)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use intents::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn runnable(automation: u128, run: u128) -> Runnable {
        Runnable {
            run: RunId::from_parts(Timestamp::from_millis(1), run),
            automation: AutomationId::from_parts(Timestamp::EPOCH, automation),
            overlaps: true,
        }
    }

    #[test]
    fn a_long_queue_is_held_in_part_and_read_on_in_order() {
        let ready = Ready::default();
        let all: Vec<_> = (0..100).map(|run| runnable(1, run)).collect();
        all.iter().for_each(|run| ready.add(*run));
        let automation = all[0].automation;
        let mut done = Vec::new();
        loop {
            let look = ready.look(500, &[], |_| true);
            if let [unread] = look.unread[..] {
                let next: Vec<_> = all.iter().filter(|run| !done.contains(*run)).take(WINDOW).copied().collect();
                let more = next.len() == WINDOW;
                ready.fill(unread, next, more);
                continue;
            }
            let Some(next) = look.runs.first() else { break };
            ready.remove(automation, next.run);
            done.push(*next);
        }
        assert_eq!(done, all);
    }

    #[test]
    fn who_has_no_room_or_is_paused_hides_nobody() {
        let ready = Ready::default();
        for run in 0..100 {
            ready.add(runnable(1, run));
            ready.add(runnable(2, run));
        }
        ready.add(runnable(3, 200));
        let (full, paused) = (runnable(1, 0).automation, runnable(2, 0).automation);
        let look = ready.look(10, &[full], |automation| automation != paused);
        assert_eq!(look, Look { runs: vec![runnable(3, 200)], unread: vec![] });
        ready.expect(runnable(4, 0).automation, runnable(4, 0).run);
        assert_eq!(ready.look(10, &[full], |_| true).unread, [runnable(4, 0).automation]);
    }

    proptest! {
        #[test]
        fn each_automation_gives_its_oldest_runs_in_order(waiting in prop::collection::vec((0u128..4, 0u128..60), 0..120)) {
            let ready = Ready::default();
            let mut truth = BTreeSet::new();
            for (automation, run) in waiting {
                ready.add(runnable(automation, run));
                truth.insert((automation, run));
            }
            let look = ready.look(usize::MAX, &[], |_| true);
            for automation in 0..4 {
                let id = runnable(automation, 0).automation;
                let given: Vec<_> = look.runs.iter().filter(|runnable| runnable.automation == id).collect();
                let oldest: Vec<_> = truth.iter().filter(|(of, _)| *of == automation).map(|(of, run)| runnable(*of, *run)).collect();
                let oldest: Vec<_> = oldest.iter().take(given.len()).collect();
                // Where it holds them all, they are the oldest; where not, it asks for the others first.
                prop_assert!(given == oldest || look.unread.contains(&id), "{given:?} {oldest:?}");
            }
        }
    }
}
