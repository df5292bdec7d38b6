//! The way to the planner, for those who have something for it.

use std::sync::{Arc, Mutex, PoisonError};

use actix::Addr;
use intents::id::ThreadId;

use super::actor::{End, Interrupt, Planner, Wake};

/// The way to the planner. Clones share everything. Before it is opened, and after it is closed, what is said waits in the
/// store: the planner looks there when it starts.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<Mutex<Option<Addr<Planner>>>>);

impl Door {
    /// Opens it.
    pub fn open(&self, planner: Addr<Planner>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(planner);
    }

    /// Has the planner leave what it is doing as it stands, and let go of everything that it holds.
    pub async fn close(&self) {
        if let Some(planner) = self.planner() {
            planner.send(End).await.unwrap_or_default();
        }
    }

    /// Says that there is work in a thread.
    pub async fn wake(&self, thread: ThreadId) {
        if let Some(planner) = self.planner() {
            planner.send(Wake(thread)).await.unwrap_or_default();
        }
    }

    /// Has the planner stop what it does in a thread. Says whether it was doing anything; it stores how that ended.
    pub async fn interrupt(&self, thread: ThreadId) -> bool {
        match self.planner() {
            Some(planner) => planner.send(Interrupt(thread)).await.unwrap_or(false),
            None => false,
        }
    }

    fn planner(&self) -> Option<Addr<Planner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
