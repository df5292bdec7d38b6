//! The way to the maintainer from anywhere.

use std::sync::{Arc, Mutex, PoisonError};

use actix::Addr;

use super::actor::{End, Maintainer};

/// The way to the maintainer, once there is one.
#[derive(Clone, Default)]
pub struct Door(Arc<Mutex<Option<Addr<Maintainer>>>>);

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}

impl Door {
    /// Leads to a maintainer from now on.
    pub fn open(&self, maintainer: Addr<Maintainer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(maintainer);
    }

    /// Has the maintainer leave what it is doing as it stands, and let go of everything that it holds.
    pub async fn close(&self) {
        let maintainer = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(maintainer) = maintainer {
            maintainer.send(End).await.unwrap_or_default();
        }
    }
}
