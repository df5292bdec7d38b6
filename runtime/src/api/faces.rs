//! What the handlers share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::vault::{Key, Purpose};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::guard::Hosts;
use super::token::Token;
use crate::app::App;
use crate::error::{Code, Error};
use crate::hub::Hub;

/// Deliveries that arrive at once: each may hold a mebibyte before its signature is known.
const DELIVERIES_MAX: usize = 64;

/// What the handlers share.
pub(super) struct Faces {
    pub(super) app: App,
    pub(super) hub: Hub,
    pub(super) token: Token,
    pub(super) hosts: Hosts,
    /// Authenticates sessions.
    pub(super) sessions: Key,
    listeners: Arc<Semaphore>,
    /// Places for deliveries whose bodies are arriving.
    pub(super) deliveries: Semaphore,
    /// Requests with an `Idempotency-Key` that are under way.
    pub(super) under_way: Mutex<BTreeSet<String>>,
    /// Turns true when the server ends, so that streams end too.
    pub(super) closing: watch::Receiver<bool>,
}

impl Faces {
    pub(super) fn new(app: App, hub: Hub, token: Token, hosts: Hosts, closing: watch::Receiver<bool>) -> Self {
        Self {
            sessions: app.vault.subkey(Purpose::ApiTokens),
            listeners: Arc::new(Semaphore::new(usize::from(app.config.server.listeners.get()))),
            deliveries: Semaphore::new(DELIVERIES_MAX),
            under_way: Mutex::default(),
            app,
            hub,
            token,
            hosts,
            closing,
        }
    }

    /// How many streams are open.
    pub(super) fn listening(&self) -> usize {
        usize::from(self.app.config.server.listeners.get()).saturating_sub(self.listeners.available_permits())
    }

    /// A place for one more stream.
    pub(super) fn listen(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.listeners).try_acquire_owned().map_err(|_| {
            let most = self.app.config.server.listeners;
            let message =
                format!("{most} streams are open, which is the limit; close one, or raise `server.listeners`");
            Error::new(Code::ListenersFull, message)
        })
    }

    /// Takes a key for the time of one request; none when another request has it.
    pub(super) fn take(&self, key: &str) -> Option<Taken<'_>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.insert(key.to_owned()).then(|| Taken { faces: self, key: key.to_owned() })
    }
}

/// A key that is taken until this is dropped.
pub(super) struct Taken<'f> {
    faces: &'f Faces,
    key: String,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.faces.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
