//! An event on its way to all who listen.

use std::ops::Deref;
use std::sync::OnceLock;

use actix_web::web::Bytes;
use intents::id::RoomId;

use crate::store::{StoredEvent, WORKSPACE_ROOM};

/// An event, with what it looks like outside once somebody has made that. All listeners share one.
#[derive(Debug)]
pub struct Told {
    event: StoredEvent,
    /// In the stream of everything, and in that of its own room: its place differs.
    everywhere: OnceLock<Bytes>,
    in_room: OnceLock<Bytes>,
}

impl Told {
    /// Its place in the stream of a room.
    pub fn place(&self, room: RoomId) -> i64 {
        if room == WORKSPACE_ROOM { self.event.position } else { self.event.seq }
    }

    /// What it looks like in the stream of a room. Made by the first who asks, and given to all.
    pub fn frame(&self, room: RoomId, make: impl FnOnce(i64, &StoredEvent) -> Bytes) -> Bytes {
        let made = if room == WORKSPACE_ROOM { &self.everywhere } else { &self.in_room };
        made.get_or_init(|| make(self.place(room), &self.event)).clone()
    }
}

impl From<StoredEvent> for Told {
    fn from(event: StoredEvent) -> Self {
        Self { event, everywhere: OnceLock::new(), in_room: OnceLock::new() }
    }
}

impl Deref for Told {
    type Target = StoredEvent;

    fn deref(&self) -> &StoredEvent {
        &self.event
    }
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event
    }
}
