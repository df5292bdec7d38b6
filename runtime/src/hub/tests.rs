//! Stories of listeners over a real store.

use std::pin::pin;

use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use super::{Error, Hub};
use crate::store::{WORKSPACE_ROOM, room_of};
use crate::supervisor::simulated::World;

const MANUAL: (&str, &str) = ("manual", r#"{"manual":true}"#);

async fn change(world: &World, times: usize) {
    for _ in 0..times {
        world.store.set_setting("a", json!(1), "test").await.unwrap();
    }
}

#[actix_rt::test]
async fn a_listener_gets_what_was_and_then_what_comes() {
    let world = World::at("2026-01-01T00:00:00Z").await;
    change(&world, 600).await;
    let hub = Hub::new(&world.store);
    let mut stream = pin!(hub.stream(WORKSPACE_ROOM, 3).unwrap());
    for position in 4..=600 {
        assert_eq!(stream.next().await.unwrap().position, position);
    }
    assert!(stream.next().now_or_never().is_none(), "there is no more yet");
    change(&world, 2).await;
    assert_eq!(stream.next().await.unwrap().position, 601);
    assert_eq!(stream.next().await.unwrap().position, 602);
}

#[actix_rt::test]
async fn a_room_is_streamed_alone_and_without_a_gap() {
    let world = World::at("2026-01-01T00:00:00Z").await;
    let hub = Hub::new(&world.store);
    let one = world.automation("one", &[MANUAL], "[]").await;
    let room = room_of(one.id);
    let mut stream = pin!(hub.stream(room, 0).unwrap());
    assert_eq!(stream.next().await.unwrap().kind, "automation.created");
    for round in 0..3 {
        // More than the tail holds lies between two of its own.
        change(&world, if round == 1 { super::tail::TAIL_MAX + 50 } else { 3 }).await;
        world.store.set_mode(one.id, crate::store::Mode::Paused, "test").await.unwrap();
        world.store.set_mode(one.id, crate::store::Mode::Active, "test").await.unwrap();
        let paused = stream.next().await.unwrap();
        let resumed = stream.next().await.unwrap();
        assert_eq!((paused.seq, paused.kind.as_str()), (2 + round * 2, "automation.paused"));
        assert_eq!((resumed.seq, resumed.kind.as_str()), (3 + round * 2, "automation.resumed"));
    }
    let mut again = pin!(hub.stream(room, 6).unwrap());
    assert_eq!(again.next().await.unwrap().seq, 7);
}

#[actix_rt::test]
async fn a_thousand_listeners_get_each_event_once() {
    let world = World::at("2026-01-01T00:00:00Z").await;
    let hub = Hub::new(&world.store);
    change(&world, 1).await;
    let mut streams: Vec<_> = (0..1000).map(|_| Box::pin(hub.stream(WORKSPACE_ROOM, 1).unwrap())).collect();
    for position in 2..5 {
        change(&world, 1).await;
        let mut written = 0;
        for stream in &mut streams {
            let told = stream.next().await.unwrap();
            assert_eq!(told.position, position);
            told.frame(WORKSPACE_ROOM, |place, _| {
                written += 1;
                place.to_string().into()
            });
        }
        assert_eq!(written, 1, "an event is written as text once");
    }
}

#[actix_rt::test]
async fn there_is_a_place_for_so_many_and_one_is_free_again_when_a_listener_goes() {
    let world = World::at("2026-01-01T00:00:00Z").await;
    let hub = Hub::with_places(&world.store, 1);
    let first = hub.stream(WORKSPACE_ROOM, 0).unwrap();
    assert!(matches!(hub.stream(WORKSPACE_ROOM, 0), Err(Error::Full { .. })));
    drop(first);
    assert!(hub.stream(WORKSPACE_ROOM, 0).is_ok());
}
