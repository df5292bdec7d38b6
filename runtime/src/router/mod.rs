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
use crate::executor::{Admit, Executor};
use crate::store::{self, Store};

/// Runs that are looked at in one turn; the others are looked at when these are under way.
const LOOK_MAX: usize = 500;
/// How soon the router looks again without a hint: a lost hint costs time, not correctness.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Hands runs to the executor for as long as the server lives.
pub async fn route(env: Env, store: Store, executor: Addr<Executor>, mut places: watch::Receiver<u64>) {
    let mut runs = store.signals().runs;
    loop {
        runs.mark_unchanged();
        places.mark_unchanged();
        if let Err(error) = turn(&store, &executor).await {
            tracing::warn!(%error, "the router could not look for runs");
        }
        futures_util::select_biased! {
            changed = runs.changed().fuse() => if changed.is_err() { return },
            changed = places.changed().fuse() => if changed.is_err() { return },
            () = env.sleep(LOOK_AGAIN).fuse() => {
                if let Err(error) = store.look_for_runnable().await {
                    tracing::warn!(%error, "the router could not look for runs");
                }
            }
        }
    }
}

/// Fills the free places.
async fn turn(store: &Store, executor: &Addr<Executor>) -> Result<(), store::Error> {
    // Whoever has no room left is left out, or many of them would hide all others.
    let mut full = Vec::new();
    loop {
        let waiting = store.runnable(LOOK_MAX, &full).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let all_seen = waiting.len() < LOOK_MAX;
        // An executor that is being restarted finds them at the next look: its places are free again soon.
        let Ok(admitted) = executor.send(Admit(waiting)).await else { return Ok(()) };
        let seen_others = admitted.runs > 0 || admitted.full != full;
        if all_seen || admitted.free == 0 || !seen_others {
            return Ok(());
        }
        full = admitted.full;
    }
}
