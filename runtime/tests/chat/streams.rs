//! The live stream of a thread: everything once, over lost connections, with what is being written.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::place::SOON;
use crate::room::{Room, says};
use crate::support::wait::until;

/// A listener that reads a stream as a browser does.
struct Listener {
    lines: BufReader<TcpStream>,
}

/// One event: its id, its name, and its data.
type Event = (Option<i64>, String, Value);

impl Listener {
    fn open(room: &Room, thread: &str, last: Option<i64>) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", room.place.home.port())).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let token = std::fs::read_to_string(room.place.home.data().join("token")).unwrap();
        let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
        let request = format!(
            "GET /v1/threads/{thread}/stream HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nauthorization: Bearer {}\r\n{last}\r\n",
            room.place.home.port(),
            token.trim()
        );
        stream.write_all(request.as_bytes()).unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// The next event.
    fn next(&mut self) -> Event {
        let (mut id, mut name) = (None, String::new());
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream ended");
            let line = line.trim_end();
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.parse().ok();
            } else if let Some(text) = line.strip_prefix("event: ") {
                name = text.to_owned();
            } else if let Some(text) = line.strip_prefix("data: ") {
                return (id, name, serde_json::from_str(text).unwrap());
            }
        }
    }

    /// Events up to one that fits.
    fn up_to(&mut self, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let event = self.next();
            let done = fits(&event);
            events.push(event);
            if done {
                return events;
            }
        }
    }
}

fn is_state(state: &'static str) -> impl Fn(&Event) -> bool {
    move |(_, name, data)| name == "thread" && data["state"] == state
}

#[test]
fn a_listener_sees_an_answer_grow_and_then_whole_and_one_that_comes_back_misses_nothing() {
    let text = "A first part, and then a second part of it.";
    let room = Room::with(&[says(text)]);
    let _server = room.open();
    let thread = room.thread();
    let mut listener = Listener::open(&room, &thread, None);
    listener.up_to(is_state("idle"));
    room.model.hold_after(2);
    assert_eq!(room.say(&thread, "Tell me.").status, 202);
    let begun = listener.up_to(|(_, name, _)| name == "partial");
    assert!(begun.iter().any(|(id, name, data)| *id == Some(1) && name == "message" && data["kind"] == "user"));
    until("two pieces were sent", SOON, || (room.model.sent() >= 2).then_some(()));

    // Another one comes in the middle, and gets what was written so far from its beginning.
    let mut late = Listener::open(&room, &thread, Some(1));
    let (_, _, partial) = late.up_to(|(_, name, _)| name == "partial").pop().unwrap();
    assert_eq!(partial["from"], 0);
    assert!(text.starts_with(partial["text"].as_str().unwrap()), "{partial}");

    room.model.go_on();
    for events in [listener.up_to(is_state("idle")), late.up_to(is_state("idle"))] {
        let whole: Vec<_> = events.iter().filter(|(_, name, _)| name == "message").collect();
        assert_eq!(whole.len(), 1, "{events:#?}");
        assert_eq!((whole[0].0, whole[0].2["text"].as_str()), (Some(2), Some(text)));
    }
    let mut again = Listener::open(&room, &thread, Some(1));
    let (id, name, data) = again.next();
    assert_eq!((id, name.as_str(), data["seq"].as_i64()), (Some(2), "message", Some(2)));
    drop(again);
}
