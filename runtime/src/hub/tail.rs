//! The latest events of all rooms, without a gap. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use intents::id::RoomId;

use super::Told;
use crate::store::{StoredEvent, WORKSPACE_ROOM};

/// Events that are kept: some megabytes, and minutes of a busy server.
pub(super) const TAIL_MAX: usize = 4096;

/// A part of a stream that the tail holds.
#[derive(Debug, PartialEq)]
pub(super) struct Part {
    /// The events of the room.
    pub(super) events: Vec<Arc<Told>>,
    /// Everything up to this position was looked at.
    pub(super) until: i64,
}

/// The latest events of all rooms, in the order of their positions.
#[derive(Debug, Default)]
pub(super) struct Tail {
    events: VecDeque<Arc<Told>>,
    /// Everything after this position, up to the end, is here.
    after: i64,
    /// The position of the last event that is known here.
    end: i64,
}

impl Tail {
    /// The position of the last event that is known here.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Adds events that follow directly on what is here.
    pub(super) fn extend(&mut self, events: Vec<StoredEvent>) {
        for event in events {
            // Two listeners may have read the same page.
            if event.position > self.end {
                self.end = event.position;
                self.events.push_back(Arc::new(event.into()));
            }
        }
        while self.events.len() > TAIL_MAX {
            if let Some(gone) = self.events.pop_front() {
                self.after = gone.position;
            }
        }
    }

    /// Begins again, so that everything after this position will be here.
    pub(super) fn restart(&mut self, after: i64) {
        self.events.clear();
        self.after = after;
        self.end = after;
    }

    /// At most `most` events of a room after a position; none when some of them may be missing here.
    pub(super) fn after(&self, room: RoomId, position: i64, most: usize) -> Option<Part> {
        if position < self.after {
            return None;
        }
        let name = (room != WORKSPACE_ROOM).then(|| room.to_string());
        let start = self.events.partition_point(|event| event.position <= position);
        let mut part = Part { events: Vec::new(), until: self.end.max(position) };
        for event in self.events.range(start..) {
            if name.as_ref().is_some_and(|name| *name != event.room) {
                continue;
            }
            if part.events.len() == most {
                part.until = part.events.last().map_or(position, |last| last.position);
                break;
            }
            part.events.push(Arc::clone(event));
        }
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use intents::Timestamp;
    use serde_json::json;

    use super::*;

    fn event(position: i64, room: RoomId) -> StoredEvent {
        StoredEvent {
            position,
            id: String::new(),
            room: room.to_string(),
            seq: position,
            kind: "a".to_owned(),
            actor: String::new(),
            correlation_id: None,
            causation_id: None,
            run: None,
            data: json!({}),
            at: Timestamp::EPOCH,
        }
    }

    fn room(number: u128) -> RoomId {
        RoomId::from_parts(Timestamp::EPOCH, number)
    }

    fn positions(part: Option<Part>) -> Option<(Vec<i64>, i64)> {
        part.map(|part| (part.events.iter().map(|event| event.position).collect(), part.until))
    }

    #[test]
    fn a_part_says_how_far_it_reaches() {
        let mut tail = Tail::default();
        tail.extend((1..=6).map(|position| event(position, room(u128::from(position.unsigned_abs()) | 1))).collect());
        tail.extend(vec![event(6, room(7))]);
        assert_eq!(positions(tail.after(room(3), 0, 10)), Some((vec![2, 3], 6)));
        assert_eq!(positions(tail.after(WORKSPACE_ROOM, 1, 2)), Some((vec![2, 3], 3)));
        assert_eq!(positions(tail.after(WORKSPACE_ROOM, 4, 2)), Some((vec![5, 6], 6)));
        assert_eq!(positions(tail.after(room(99), 2, 2)), Some((vec![], 6)));
    }

    #[test]
    fn what_was_dropped_is_never_passed_over() {
        let mut tail = Tail::default();
        let most = i64::try_from(TAIL_MAX).unwrap();
        tail.extend((1..=most + 10).map(|position| event(position, room(1))).collect());
        assert_eq!(tail.after(room(1), 9, 1), None);
        assert_eq!(positions(tail.after(room(1), 10, 1)), Some((vec![11], 11)));
        tail.restart(5000);
        assert_eq!(tail.after(room(1), 4999, 1), None);
        assert_eq!(positions(tail.after(room(1), 5000, 1)), Some((vec![], 5000)));
    }
}
