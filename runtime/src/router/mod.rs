//! The inbox router: which of the waiting runs get the free places.
//!
//! Order is kept for each automation, and automations take turns, so that one with a thousand items does not starve
//! the others. The decision is a pure function of what waits and what runs.

mod pick;

use actix::Addr;
use futures_util::FutureExt;
use std::time::Duration;
use tokio::sync::watch;

pub(crate) use pick::room_of;
pub use pick::{Places, pick};

use crate::env::Env;
use crate::executor::{Admit, Executor, Snapshot};
use crate::store::{self, Store};

/// Runs that are looked at in one turn; the others are looked at when these are under way.
const LOOK_MAX: u64 = 500;
/// How soon the router looks again without a hint: a lost hint costs time, not correctness.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Hands runs to the executor for as long as the server lives.
pub async fn route(env: Env, store: Store, executor: Addr<Executor>, mut places: watch::Receiver<u64>) {
    let mut runs = store.signals().runs;
    loop {
        runs.mark_unchanged();
        places.mark_unchanged();
        match turn(&store, &executor).await {
            // There may be more behind those that were looked at.
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the router could not look for runs"),
        }
        futures_util::select_biased! {
            changed = runs.changed().fuse() => if changed.is_err() { return },
            changed = places.changed().fuse() => if changed.is_err() { return },
            () = env.sleep(LOOK_AGAIN).fuse() => {}
        }
    }
}

/// Fills the free places; says whether it is worth looking again at once.
async fn turn(store: &Store, executor: &Addr<Executor>) -> Result<bool, store::Error> {
    // The executor is being restarted: its places are free again soon.
    let Ok(standing) = executor.send(Snapshot).await else { return Ok(false) };
    if standing.free == 0 {
        return Ok(false);
    }
    // Whoever has no room left is left out, or a thousand items of one would hide those of all others.
    let mut waiting = store.runnable(LOOK_MAX, &standing.full).await?;
    let all_seen = (waiting.len() as u64) < LOOK_MAX;
    waiting.retain(|runnable| !standing.runs.contains(&runnable.run));
    let picked = pick(&waiting, &Places { free: standing.free, taken: standing.automations });
    if picked.is_empty() {
        return Ok(false);
    }
    // An executor that is being restarted finds them at the next look.
    let admitted = executor.send(Admit(picked)).await.unwrap_or_default();
    Ok(!all_seen && admitted > 0)
}
