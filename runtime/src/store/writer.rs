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
use super::batch::{Batch, Memory, Shared, Written};
use super::db::Writing;
use super::folder::Hold;

/// Changes that share a commit: enough that the flush is a small part of the cost of each.
const BATCH_MAX: usize = 256;
/// A change that the database does not survive so many times is not tried again.
const TRIES_MAX: u32 = 3;
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
    /// Repairs have begun, or were answered.
    pub repairs: watch::Receiver<u64>,
}

pub(super) struct Beacons {
    pub(super) events: watch::Sender<i64>,
    pub(super) runs: watch::Sender<u64>,
    pub(super) timers: watch::Sender<u64>,
    pub(super) repairs: watch::Sender<u64>,
}

impl Beacons {
    pub(super) fn new(position: i64) -> (Self, Signals) {
        let (events, events_seen) = watch::channel(position);
        let (runs, runs_seen) = watch::channel(0);
        let (timers, timers_seen) = watch::channel(0);
        let (repairs, repairs_seen) = watch::channel(0);
        let signals = Signals { events: events_seen, runs: runs_seen, timers: timers_seen, repairs: repairs_seen };
        (Self { events, runs, timers, repairs }, signals)
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

/// What writes, and what it remembers.
pub(super) struct Writer {
    pub(super) writing: Writing,
    pub(super) shared: Arc<Shared>,
    pub(super) memory: Memory,
    pub(super) beacons: Beacons,
    /// Told when this server may not write any more.
    pub(super) lose: watch::Sender<Option<Error>>,
}

impl Writer {
    /// Runs until every handle of the store is gone, then lets go of the folder.
    pub(super) async fn write(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, hold: Hold) {
        let mut jobs = Vec::with_capacity(BATCH_MAX);
        loop {
            let taken = match self.writing.beats_every() {
                None => Some(queue.recv_many(&mut jobs, BATCH_MAX).await),
                Some(pause) => tokio::time::timeout(pause, queue.recv_many(&mut jobs, BATCH_MAX)).await.ok(),
            };
            match taken {
                Some(0) => break,
                Some(_) => self.take(std::mem::take(&mut jobs)).await,
                // Nothing to write for a while: say that this server lives.
                None => drop(self.commit(&mut []).await),
            }
            if self.lose.borrow().is_some() {
                // Whoever still asks is told at once.
                queue.close();
            }
        }
        let Self { writing, .. } = self;
        writing.end().await;
        // The folder is free only when nothing can write any more.
        drop(hold);
    }

    /// Commits these changes together. Where one of them fails, it fails alone: those before it are one commit, and
    /// those after it another, so that each is applied in the order in which it was handed in.
    async fn take(&mut self, jobs: Vec<Box<dyn Job>>) {
        let mut groups = VecDeque::from([jobs]);
        while let Some(mut jobs) = groups.pop_front() {
            let Err(Failed { error, at, .. }) = self.commit(&mut jobs).await else {
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
            } else if is_nobodys_fault(&error) || jobs.len() == 1 {
                // Each alone would wait as long once more.
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

    /// Commits some jobs. A database that goes away meanwhile is waited for, within a bound.
    async fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failed> {
        let (began, count) = (self.shared.env.clock.nanos(), jobs.len());
        let mut tries = 1..TRIES_MAX;
        let written = loop {
            let failed = match self.apply(jobs).await {
                Ok(written) => break written,
                Err(failed) => failed,
            };
            if !matches!(failed.error, Error::Unreachable { .. }) || tries.next().is_none() {
                return Err(self.end_if_lost(failed.error, failed.at));
            }
            let was_committed = self.writing.regain().await.map_err(|error| self.end_if_lost(error, None))?;
            if let Some(written) = failed.written.filter(|_| was_committed) {
                // Only the answer was lost.
                break *written;
            }
        };
        if count > 0 {
            self.shared.count_commit();
            self.shared.figures.committed(count, self.shared.env.since(began));
        }
        written.publish(&self.shared, &mut self.memory, &self.beacons);
        Ok(())
    }

    async fn apply(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Written, Failed> {
        let transaction = self.writing.begin().await?;
        let mut batch = Batch::new(&transaction, &self.shared, &self.memory);
        let applied = async {
            for (at, job) in jobs.iter_mut().enumerate() {
                job.apply(&mut batch).await.map_err(|error| Failed { at: Some(at), ..Failed::from(error) })?;
            }
            batch.flush().await.map_err(Failed::from)
        };
        match applied.await {
            Ok(written) => match transaction.commit().await {
                Ok(()) => Ok(written),
                Err(error) => Err(Failed { written: Some(Box::new(written)), ..Failed::from(error) }),
            },
            Err(failed) => {
                // What went wrong first is what is told.
                drop(transaction.roll_back().await);
                Err(failed)
            }
        }
    }

    /// Says so to everybody when nothing can be written any more.
    fn end_if_lost(&self, error: Error, at: Option<usize>) -> Failed {
        if matches!(error, Error::Fenced | Error::Unreachable { .. }) {
            self.lose.send_replace(Some(error.clone()));
        }
        Failed { at, ..Failed::from(error) }
    }
}

/// Whether the next change would meet the same.
fn is_nobodys_fault(error: &Error) -> bool {
    matches!(error, Error::Busy | Error::Fenced | Error::Unreachable { .. })
}

/// A commit that did not come about, or of which nobody knows.
struct Failed {
    error: Error,
    /// The change that failed, when it was one and not the commit.
    at: Option<usize>,
    /// What would have been told, when only the answer to the commit is missing: it may be on the disk.
    written: Option<Box<Written>>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, at: None, written: None }
    }
}
