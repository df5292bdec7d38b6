//! Decides which files have come to rest. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use intents::Timestamp;

use super::walk::Found;

/// A file that has not changed for this long is complete: tools that copy write without such pauses.
pub(super) const REST: Duration = Duration::from_millis(500);

/// Files that were seen and have not come to rest.
#[derive(Debug, Default)]
pub(super) struct Settling(BTreeMap<String, (Found, Timestamp)>);

impl Settling {
    /// Takes in what a look found and nobody knows yet; gives what looks the same for long enough, oldest first.
    pub(super) fn look(&mut self, found: Vec<Found>, now: Timestamp) -> Vec<Found> {
        let mut still = BTreeMap::new();
        let mut ready = Vec::new();
        for file in found {
            let since = match self.0.remove(&file.path) {
                // A clock that went back starts the rest again.
                Some((before, since)) if before == file && since <= now => since,
                Some(_) | None => now,
            };
            if now.since(since) >= REST {
                ready.push(file.clone());
            }
            // Until it is taken it stays here, so that what does not fit into this look comes with the next.
            still.insert(file.path.clone(), (file, since));
        }
        self.0 = still;
        ready.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        ready
    }

    /// A file was taken.
    pub(super) fn forget(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// A file turned out to be changing: its rest starts again.
    pub(super) fn disturb(&mut self, path: &str, now: Timestamp) {
        if let Some((_, since)) = self.0.get_mut(path) {
            *since = now;
        }
    }

    /// Whether something is to be looked at again soon.
    pub(super) fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn file(path: &str, size: u64, modified: i64) -> Found {
        Found { path: path.to_owned(), size, modified: at(modified) }
    }

    #[test]
    fn a_file_that_grows_is_taken_when_it_has_stopped() {
        let mut settling = Settling::default();
        for (now, size) in [(0, 1), (400, 2), (800, 3), (1200, 3)] {
            assert!(settling.look(vec![file("a", size, 0)], at(now)).is_empty(), "at {now}");
        }
        assert_eq!(settling.look(vec![file("a", 3, 0)], at(1300)), [file("a", 3, 0)]);
        assert!(settling.is_waiting());
        settling.forget("a");
        assert!(!settling.is_waiting());
    }

    #[test]
    fn the_oldest_comes_first_and_what_went_away_is_forgotten() {
        let mut settling = Settling::default();
        let files = vec![file("a", 1, 9), file("b", 1, 3), file("c", 1, 3)];
        settling.look(files.clone(), at(0));
        assert_eq!(settling.look(files.clone(), at(500)), [files[1].clone(), files[2].clone(), files[0].clone()]);
        settling.look(vec![], at(600));
        assert!(settling.look(files, at(1200)).is_empty(), "it came anew");
    }

    #[test]
    fn a_clock_that_goes_back_delays_and_loses_nothing() {
        let mut settling = Settling::default();
        settling.look(vec![file("a", 1, 0)], at(100_000));
        assert!(settling.look(vec![file("a", 1, 0)], at(5)).is_empty());
        assert_eq!(settling.look(vec![file("a", 1, 0)], at(505)).len(), 1);
    }
}
