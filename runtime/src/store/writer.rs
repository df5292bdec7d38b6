//! The one writer: it takes what is queued, applies it in one transaction, and tells everybody after the commit.
//!
//! A commit costs a flush of the disk, so runs share it: whatever has queued while one commit was under way goes
//! into the next. The writer never waits for more to come.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

use super::Error;
use super::batch::{Batch, Memory, Shared};
use super::db::Writing;
use super::open::Hold;

/// Changes that share a commit: enough that the flush is a small part of the cost of each.
const BATCH_MAX: usize = 256;
/// Changes that wait for the writer; beyond this, those who write wait too.
pub(super) const QUEUE_MAX: usize = 4096;

/// One change of the store, applied wholly or not at all.
///
/// Applied again from the start when another change of the same commit fails, so it changes nothing but the batch.
pub(super) trait Command: Send + Sync + 'static {
    /// What the caller learns.
    type Reply: Send + 'static;
    /// Whether it must get through even when the disk is full: what stops, answers and cleans up.
    const ESSENTIAL: bool = false;

    fn apply(&self, batch: &mut Batch<'_>) -> impl Future<Output = Result<Self::Reply, Error>> + Send;
}

/// The answer to a change, once it is on the disk.
#[derive(Debug)]
pub struct Ticket<R>(oneshot::Receiver<Result<R, Error>>);

impl<R> Future for Ticket<R> {
    type Output = Result<R, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(Error::Closed)))
    }
}

/// What has changed, as hints for those who look in the store for their work. Each counts up.
#[derive(Debug, Clone)]
pub struct Signals {
    /// The position of the last event.
    pub events: watch::Receiver<i64>,
    /// Runs have become ready, or places have become free.
    pub runs: watch::Receiver<u64>,
    /// Waits, slots or triggers have changed.
    pub timers: watch::Receiver<u64>,
}

pub(super) struct Beacons {
    pub(super) events: watch::Sender<i64>,
    pub(super) runs: watch::Sender<u64>,
    pub(super) timers: watch::Sender<u64>,
}

impl Beacons {
    pub(super) fn new(position: i64) -> (Self, Signals) {
        let (events, events_seen) = watch::channel(position);
        let (runs, runs_seen) = watch::channel(0);
        let (timers, timers_seen) = watch::channel(0);
        let signals = Signals { events: events_seen, runs: runs_seen, timers: timers_seen };
        (Self { events, runs, timers }, signals)
    }
}

pub(super) trait Job: Send {
    fn apply<'a>(&'a mut self, batch: &'a mut Batch<'_>) -> BoxFuture<'a, Result<(), Error>>;
    fn committed(self: Box<Self>);
    fn failed(self: Box<Self>, error: Error);
    fn is_essential(&self) -> bool;
}

struct Pending<C: Command> {
    command: C,
    reply: Option<C::Reply>,
    to: oneshot::Sender<Result<C::Reply, Error>>,
}

impl<C: Command> Job for Pending<C> {
    fn apply<'a>(&'a mut self, batch: &'a mut Batch<'_>) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            self.reply = Some(self.command.apply(batch).await?);
            Ok(())
        })
    }

    fn committed(self: Box<Self>) {
        let reply = self.reply.expect("a committed change was applied");
        // Nobody waits any more when the caller was dropped; the change stands all the same.
        drop(self.to.send(Ok(reply)));
    }

    fn failed(self: Box<Self>, error: Error) {
        drop(self.to.send(Err(error)));
    }

    fn is_essential(&self) -> bool {
        C::ESSENTIAL
    }
}

pub(super) fn job<C: Command>(command: C) -> (Box<dyn Job>, Ticket<C::Reply>) {
    let (to, ticket) = oneshot::channel();
    (Box::new(Pending { command, reply: None, to }), Ticket(ticket))
}

/// Runs until every handle of the store is gone, then lets go of the folder.
pub(super) async fn write(
    writing: Writing,
    shared: Arc<Shared>,
    memory: Memory,
    beacons: Beacons,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    hold: Hold,
) {
    let mut writer = Writer { writing, shared, memory, beacons };
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        writer.take(std::mem::take(&mut jobs)).await;
    }
    // The folder is free only when nothing can write to the file any more.
    drop(writer);
    drop(hold);
}

struct Writer {
    writing: Writing,
    shared: Arc<Shared>,
    memory: Memory,
    beacons: Beacons,
}

/// A commit that did not come about.
struct Failed {
    error: Error,
    /// The change that failed, when it was one and not the commit.
    at: Option<usize>,
}

impl Failed {
    fn at(at: usize) -> impl Fn(Error) -> Self {
        move |error| Self { error, at: Some(at) }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, at: None }
    }
}

impl Writer {
    /// Commits these changes together. Where one of them fails, it fails alone: those before it are one commit, and
    /// those after it another, so that each is applied in the order in which it was handed in.
    async fn take(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut groups = VecDeque::from([jobs]);
        while let Some(mut jobs) = groups.pop_front() {
            let Err(Failed { error, at }) = self.commit(&mut jobs).await else {
                jobs.into_iter().for_each(Job::committed);
                continue;
            };
            if matches!(error, Error::Full) {
                self.shared.reserve.give_back();
                for job in jobs {
                    // Now there is space for what cannot wait.
                    if job.is_essential() {
                        self.take_alone(job).await;
                    } else {
                        job.failed(Error::Full);
                    }
                }
            } else if matches!(error, Error::Busy) || jobs.len() == 1 {
                // To be busy is nobody's fault, and each alone would wait as long once more.
                jobs.into_iter().for_each(|job| job.failed(error.clone()));
            } else {
                // When the commit itself failed, the one at fault is found by halves.
                let (from, count) = at.map_or((jobs.len() / 2, 0), |at| (at, 1));
                let after = jobs.split_off(from + count);
                let culprit = jobs.split_off(from);
                for group in [after, culprit, jobs].into_iter().filter(|group| !group.is_empty()) {
                    groups.push_front(group);
                }
            }
        }
    }

    async fn take_alone(&mut self, job: Box<dyn Job>) {
        let mut alone = vec![job];
        match self.commit(&mut alone).await {
            Ok(()) => alone.into_iter().for_each(Job::committed),
            Err(Failed { error, .. }) => {
                if matches!(error, Error::Full) {
                    self.shared.reserve.give_back();
                }
                alone.into_iter().for_each(|job| job.failed(error.clone()));
            }
        }
    }

    async fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let (began, count) = (self.shared.env.clock.nanos(), jobs.len());
        let transaction = self.writing.begin().await?;
        let mut batch = Batch::new(&transaction, &self.shared, &self.memory);
        for (at, job) in jobs.iter_mut().enumerate() {
            job.apply(&mut batch).await.map_err(Failed::at(at))?;
        }
        let written = batch.flush().await?;
        transaction.commit().await?;
        self.shared.count_commit();
        self.shared.figures.committed(count, self.shared.env.since(began));
        written.publish(&self.shared, &mut self.memory, &self.beacons);
        Ok(())
    }
}
