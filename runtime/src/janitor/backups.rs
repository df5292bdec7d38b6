//! Backups that are taken by themselves.

use std::sync::Arc;
use std::time::Duration;

use connectors::vault::Vault;
use intents::Timestamp;

use crate::backup;
use crate::config::Config;
use crate::env::Env;
use crate::error::Error;

/// A backup that failed is tried again after this time: long enough that somebody has made room, or mounted the disk.
const AGAIN_AFTER: Duration = Duration::from_secs(15 * 60);
/// The first look after a start: late enough that the start is not slower for it.
const FIRST_AFTER: Duration = Duration::from_secs(90);

/// When the next backup is due, and how it is taken.
pub struct Backups {
    config: Arc<Config>,
    vault: Arc<Vault>,
    plan: backup::Plan,
    next: Timestamp,
}

impl std::fmt::Debug for Backups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backups").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Backups {
    /// What the configuration says; none where it says nothing.
    pub fn planned(config: &Arc<Config>, vault: &Arc<Vault>, now: Timestamp) -> Option<Self> {
        let plan = config.backup.clone()?;
        Some(Self { config: Arc::clone(config), vault: Arc::clone(vault), plan, next: now + FIRST_AFTER })
    }

    pub(super) fn next(&self) -> Timestamp {
        self.next
    }

    /// Takes a backup, when one is due.
    pub(super) async fn take(&mut self, env: &Env) -> Result<(), Error> {
        let now = env.now();
        // What is in the folder says when the last one was taken, over restarts too.
        let due = backup::kept(&self.plan.folder).map_or(now, |kept| backup::due(&kept, self.plan.every, now));
        if due > now {
            self.next = due;
            return Ok(());
        }
        self.next = now + AGAIN_AFTER;
        let taken = backup::scheduled(&self.config, &self.vault, env, &self.plan).await?;
        tracing::info!(
            file = %taken.file.display(), bytes = taken.bytes, rows = taken.rows, took_ms = taken.took_ms,
            "a backup was taken"
        );
        self.next = taken.manifest.at + self.plan.every;
        Ok(())
    }
}
