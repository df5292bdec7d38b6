//! Stories of the janitor over a virtual clock and a real store.

use std::time::Duration;

use intents::need::Kind;
use serde_json::json;

use super::disk::{ENOUGH_BYTES, LOW_BYTES};
use super::duties::Janitor;
use crate::store::{Anchor, Keys, Retention, Store};
use crate::supervisor::simulated::World;

fn janitor(world: &World) -> Janitor {
    Janitor::new(&world.store, &world.env, Retention::default())
}

#[actix_rt::test]
async fn new_events_are_anchored_within_a_second() {
    let world = World::at("2026-01-01T00:00:00Z").await;
    let mut janitor = janitor(&world);
    janitor.work().await;
    let anchored =
        || Anchor::read(&world.folder.path().join("home/anchor.json")).unwrap().map(|anchor| anchor.position);
    world.store.set_setting("a", json!(1), "test").await.unwrap();
    let head = *world.store.signals().events.borrow();
    janitor.events_came();
    world.clock.advance(Duration::from_millis(500));
    janitor.work().await;
    assert_ne!(anchored(), Some(head), "it waits for more");
    world.clock.advance(Duration::from_millis(500));
    janitor.work().await;
    assert_eq!(anchored(), Some(head));
}

#[actix_rt::test]
async fn a_disk_that_gets_full_is_told_once_and_withdrawn_when_there_is_room() {
    let world = World::at("2026-01-01T00:00:00Z").await;
    let mut janitor = janitor(&world);
    for free in [LOW_BYTES - 1, LOW_BYTES - 2, LOW_BYTES + 1] {
        janitor.tell_room(free).await.unwrap();
    }
    let needs = world.store.needs(None, None, 10).await.unwrap();
    assert_eq!((needs.len(), needs[0].kind, needs[0].occurrences), (1, Kind::Internal, 1));
    janitor.tell_room(ENOUGH_BYTES).await.unwrap();
    assert_eq!(world.open_needs().await, []);
}

#[actix_rt::test]
async fn a_record_that_was_changed_from_outside_is_told() {
    let World { folder, store, env, .. } = {
        let world = World::at("2026-01-01T00:00:00Z").await;
        world.store.set_setting("a", json!(1), "test").await.unwrap();
        world.store.anchor().await.unwrap();
        world
    };
    let home = folder.path().join("home");
    drop(store);
    std::fs::write(home.join("anchor.json"), "{}").unwrap();
    let keys = || Keys { payload: [1; 32], ledger: [2; 32], anchor: [3; 32] };
    // The writer of the first store lets go of the folder when it has ended.
    let store = loop {
        match Store::open(&home, env.clone(), keys()).await {
            Ok(store) => break store,
            Err(crate::store::Error::Locked { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    Janitor::new(&store, &env, Retention::default()).work().await;
    let needs = store.needs(None, None, 10).await.unwrap();
    assert_eq!(needs[0].title, "The record of events was changed from outside");
    assert_eq!(needs[0].evidence["alarm"], json!("the anchor file was changed"));
}
