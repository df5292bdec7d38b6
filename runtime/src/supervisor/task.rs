//! Watches a plain loop.

use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::JoinHandle;

use super::Escalation;
use super::record::{Record, reason_of};
use crate::env::Env;
use crate::health::Health;

/// What a loop ends with. It is never meant to end, so any end is a death.
pub trait Ending {
    /// What it died of.
    fn reason(self) -> String;
}

impl Ending for () {
    fn reason(self) -> String {
        "it ended".to_owned()
    }
}

impl<T, E: Display> Ending for Result<T, E> {
    fn reason(self) -> String {
        self.map_or_else(|error| error.to_string(), |_| "it ended".to_owned())
    }
}

/// Starts a loop that is made anew when it dies: of a panic, or by ending. Aborting the handle ends it for good.
pub fn supervise_task<M, F>(
    name: &str,
    env: &Env,
    health: &Health,
    escalation: &Arc<dyn Escalation>,
    make_future: M,
) -> JoinHandle<()>
where
    M: FnMut() -> F + Send + 'static,
    F: Future + Send + 'static,
    F::Output: Ending,
{
    let record = Record::new(name, env, health, escalation);
    tokio::spawn(watch(record, make_future))
}

async fn watch<M, F>(mut record: Record, mut make_future: M)
where
    M: FnMut() -> F + Send + 'static,
    F: Future + Send + 'static,
    F::Output: Ending,
{
    loop {
        let reason = life(&record, &mut make_future).await;
        match record.died(&reason) {
            Some(rest) => rest.await,
            None => return record.escalate(&reason).await,
        }
    }
}

/// One life, from its start to what it died of.
async fn life<M, F>(record: &Record, make_future: &mut M) -> String
where
    M: FnMut() -> F,
    F: Future,
    F::Output: Ending,
{
    let future = match catch_unwind(AssertUnwindSafe(make_future)) {
        Ok(future) => future,
        Err(panic) => return reason_of(&*panic),
    };
    let death = AssertUnwindSafe(future)
        .catch_unwind()
        .map(|ended| ended.map_or_else(|panic| reason_of(&*panic), Ending::reason));
    tokio::pin!(death);
    tokio::select! {
        biased;
        reason = &mut death => reason,
        () = record.recovery() => death.await,
    }
}
