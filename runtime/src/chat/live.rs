//! What is happening in threads at this moment: for those who watch. Nothing here is needed after a crash.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use intents::id::ThreadId;
use tokio::sync::watch;

/// What is happening in a thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partial {
    /// Counts up with each commit of the thread: there is something to look up.
    pub commits: u64,
    /// Counts up when what was written so far is void.
    pub begun: u64,
    /// The answer that is being written, as far as it came.
    pub text: String,
    /// What the planner does, in a few words; empty while it does nothing.
    pub activity: String,
}

/// What is happening in all threads. Clones share everything.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Mutex<BTreeMap<ThreadId, watch::Sender<Partial>>>>);

impl Live {
    /// Watches a thread. Whoever is slow sees the last state, and misses nothing that is kept.
    pub fn watch(&self, thread: ThreadId) -> watch::Receiver<Partial> {
        // Under the lock: what is forgotten in between would never be heard of.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(thread).or_default().subscribe()
    }

    /// Says that something of a thread was stored; what was being written is part of it, or void.
    pub fn stored(&self, thread: ThreadId) {
        self.change(thread, |partial| {
            partial.commits += 1;
            partial.begun += 1;
            partial.text.clear();
        });
        self.tidy();
    }

    /// Says what is being done.
    pub fn doing(&self, thread: ThreadId, activity: impl Into<String>) {
        let activity = activity.into();
        self.change(thread, |partial| partial.activity = activity);
    }

    /// More of the answer has come.
    pub fn text(&self, thread: ThreadId, more: &str) {
        self.change(thread, |partial| partial.text.push_str(more));
    }

    /// What came of the answer is void.
    pub fn restart(&self, thread: ThreadId) {
        self.change(thread, |partial| {
            partial.begun += 1;
            partial.text.clear();
        });
    }

    fn change(&self, thread: ThreadId, how: impl FnOnce(&mut Partial)) {
        self.sender(thread).send_modify(how);
    }

    fn sender(&self, thread: ThreadId) -> watch::Sender<Partial> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(thread).or_default().clone()
    }

    /// Forgets threads that nobody watches and in which nothing is being done.
    fn tidy(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, sender| sender.receiver_count() > 0 || !sender.borrow().activity.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use intents::Timestamp;

    use super::*;

    #[test]
    fn a_slow_watcher_sees_where_an_answer_stands_and_that_it_began_anew() {
        let live = Live::default();
        let thread = ThreadId::from_parts(Timestamp::EPOCH, 1);
        let watcher = live.watch(thread);
        live.text(thread, "Hel");
        live.text(thread, "lo");
        assert_eq!(watcher.borrow().text, "Hello");
        let begun = watcher.borrow().begun;
        live.restart(thread);
        live.text(thread, "Good day");
        assert_eq!((watcher.borrow().begun, watcher.borrow().text.as_str()), (begun + 1, "Good day"));
        live.stored(thread);
        assert_eq!((watcher.borrow().commits, watcher.borrow().text.as_str()), (1, ""));
    }

    #[test]
    fn what_nobody_watches_is_forgotten() {
        let live = Live::default();
        for number in 0..10 {
            live.stored(ThreadId::from_parts(Timestamp::EPOCH, number));
        }
        assert_eq!(live.0.lock().unwrap().len(), 0);
    }
}
