//! Follows the chain of events through pieces that are in no database.

use super::archive::events_of;
use super::event::{content_hash, digest_of, link};
use super::{Error, EventsHead, Piece};

/// How far the events have been followed.
#[derive(Debug, Clone, Copy)]
pub struct ChainCheck {
    head: EventsHead,
}

impl ChainCheck {
    /// Begins behind a position.
    pub fn new(head: EventsHead) -> Self {
        Self { head }
    }

    /// Follows the events of a piece: none is missing, none was edited.
    pub fn pass(&mut self, piece: Piece) -> Result<(), Error> {
        for event in events_of(piece)? {
            // The archive has taken it, and it had not left the table yet.
            if event.position <= self.head.position {
                continue;
            }
            if event.position != self.head.position + 1 {
                return Err(Error::unreadable("event", format!("{} is not where it should be", event.position)));
            }
            let hash = digest_of(&event.hash)?;
            if content_hash(&event) != hash {
                return Err(Error::unreadable("event", format!("{} was edited", event.position)));
            }
            self.head = EventsHead { position: event.position, chain: link(self.head.chain, hash) };
        }
        Ok(())
    }

    /// Where the events stand that were followed.
    pub fn head(&self) -> EventsHead {
        self.head
    }
}
