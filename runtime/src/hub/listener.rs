//! The hub, and what one listener holds.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::Stream;
use futures_util::stream::unfold;
use intents::id::RoomId;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, watch};

use super::tail::{TAIL_MAX, Tail};
use super::{Error, Told};
use crate::store::{self, Store, WORKSPACE_ROOM};

/// Streams that may be open at once: each is a connection, and at most a page of events.
pub const LISTENERS_MAX: usize = 4096;
/// Events that a listener takes at once.
const PAGE: usize = 256;

/// Streams the events of rooms. Clones share everything.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    store: Store,
    tail: RwLock<Tail>,
    /// Whoever holds it reads the latest events for all; the others wait for that.
    reading: Mutex<()>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("free_places", &self.0.places.available_permits()).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub over the store. It does nothing while nobody listens.
    pub fn new(store: &Store) -> Self {
        Self::with_places(store, LISTENERS_MAX)
    }

    pub(super) fn with_places(store: &Store, places: usize) -> Self {
        Self(Arc::new(Inner {
            store: store.clone(),
            tail: RwLock::default(),
            reading: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
        }))
    }

    /// Streams a room: all its events after a place in its stream, then what comes. The workspace's room is the stream
    /// of everything, and its places are positions.
    ///
    /// The stream ends when the store is closed or fails; who wants to go on asks again with the last place it saw.
    pub fn stream(&self, room: RoomId, from_seq: i64) -> Result<impl Stream<Item = Arc<Told>> + Send + use<>, Error> {
        let place = Arc::clone(&self.0.places).try_acquire_owned();
        let place = place.map_err(|_| Error::Full { most: LISTENERS_MAX })?;
        let listener = Listener {
            signal: self.0.store.signals().events,
            hub: self.clone(),
            room,
            seq: from_seq,
            position: if room == WORKSPACE_ROOM { from_seq } else { 0 },
            page: VecDeque::new(),
            _place: place,
        };
        Ok(unfold(listener, Listener::next))
    }

    /// Brings the tail up to a position that has been told.
    async fn catch_up(&self, head: i64) -> Result<(), store::Error> {
        if self.tail().end() >= head {
            return Ok(());
        }
        let _reading = self.0.reading.lock().await;
        let far = i64::try_from(TAIL_MAX).unwrap_or(i64::MAX);
        loop {
            let end = self.tail().end();
            if end >= head {
                return Ok(());
            }
            if head - end > far {
                // Nobody has listened for long. What is older is read from the store by who wants it.
                self.0.tail.write().unwrap_or_else(PoisonError::into_inner).restart(head);
                return Ok(());
            }
            let events = self.0.store.events_after(WORKSPACE_ROOM, end, PAGE as u64).await?;
            if events.is_empty() {
                // Told, and not there: somebody removed it behind our back. The audit says so; we do not wait for it.
                self.0.tail.write().unwrap_or_else(PoisonError::into_inner).restart(head);
                return Ok(());
            }
            self.0.tail.write().unwrap_or_else(PoisonError::into_inner).extend(events);
        }
    }

    fn tail(&self) -> std::sync::RwLockReadGuard<'_, Tail> {
        self.0.tail.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream.
struct Listener {
    hub: Hub,
    signal: watch::Receiver<i64>,
    room: RoomId,
    /// The place of the last event that was taken.
    seq: i64,
    /// Everything of the room up to this position was taken.
    position: i64,
    page: VecDeque<Arc<Told>>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(mut self) -> Option<(Arc<Told>, Self)> {
        loop {
            if let Some(event) = self.page.pop_front() {
                return Some((event, self));
            }
            let head = *self.signal.borrow_and_update();
            if self.position >= head {
                self.signal.changed().await.ok()?;
                continue;
            }
            if let Err(error) = self.take(head).await {
                tracing::warn!(error = &error as &dyn std::error::Error, room = %self.room, "a stream ends");
                return None;
            }
        }
    }

    /// Takes the next page: from the tail where it reaches back far enough, else from the store.
    async fn take(&mut self, head: i64) -> Result<(), store::Error> {
        self.hub.catch_up(head).await?;
        let part = self.hub.tail().after(self.room, self.position, PAGE);
        let (events, until) = match part {
            Some(part) => (part.events, part.until),
            None => self.read(head).await?,
        };
        self.position = until;
        let news = events.into_iter().filter(|event| event.place(self.room) > self.seq);
        self.page.extend(news);
        if let Some(last) = self.page.back() {
            self.seq = last.place(self.room);
        }
        Ok(())
    }

    async fn read(&self, head: i64) -> Result<(Vec<Arc<Told>>, i64), store::Error> {
        let events = self.hub.0.store.events_after(self.room, self.seq, PAGE as u64).await?;
        let last = events.last().map_or(self.position, |event| event.position);
        // A page that is not full has everything that had been told before it was read.
        let until = if events.len() < PAGE { head.max(last) } else { last };
        Ok((events.into_iter().map(|event| Arc::new(event.into())).collect(), until))
    }
}
