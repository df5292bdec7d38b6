//! Old events leave the table for good files, and the record stays one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use intents::Timestamp;
use runtime::store::{Archived, Finding, WORKSPACE_ROOM};
use serde_json::json;

use super::place::{Database, Place};
use super::world::{World, delivery};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server with a history of forty events and more, all of it anchored.
async fn server_with_a_past() -> World {
    let world = World::new().await;
    for name in ["reminders", "reports"] {
        let automation = world.automation(name).await;
        for number in 0..20 {
            world.store.deliver(delivery(automation.id, &number.to_string())).await.unwrap();
        }
    }
    assert!(world.store.anchor().await.unwrap());
    world.clock.advance(DAY);
    world
}

fn now(world: &World) -> Timestamp {
    world.env.now()
}

/// Archives all whole segments of ten.
async fn archive(world: &World) -> Archived {
    let mut all = Archived::default();
    loop {
        let done = world.store.archive_segment(now(world), 10).await.unwrap();
        all.events += done.events;
        all.removed += done.removed;
        if done.events == 0 {
            return all;
        }
    }
}

async fn findings(world: &World) -> Vec<Finding> {
    world.store.audit(|_| {}).await.unwrap().findings
}

fn segment(home: &Path, first: i64) -> std::path::PathBuf {
    home.join("archive").join(format!("events-{first:012}-{:012}", first + 9))
}

#[tokio::test]
async fn old_events_leave_the_table_and_the_record_goes_on() {
    let world = server_with_a_past().await;
    let before = world.number("SELECT count(*) FROM events").await;
    let archived = archive(&world).await;
    assert_eq!((archived.events, archived.removed, before), (40, 40, 42));
    assert_eq!(world.number("SELECT count(*) FROM events").await, 2);
    let audit = world.store.audit(|_| {}).await.unwrap();
    assert_eq!((audit.events, audit.streams, audit.anchored, audit.findings), (42, 2, Some(42), vec![]));
    // A stream whose events are all in the archive goes on where it stood; so do the others, over a restart too.
    let world = world.restart().await;
    assert_eq!(world.store.alarm(), None);
    let reminders = world.store.automation("reminders").await.unwrap();
    world.store.deliver(delivery(reminders.id, "new")).await.unwrap();
    world.store.set_setting("a", json!(1), "ann").await.unwrap();
    world.store.anchor().await.unwrap();
    let audit = world.store.audit(|_| {}).await.unwrap();
    assert_eq!((audit.events, audit.findings), (44, vec![]));
    let room = runtime::store::room_of(reminders.id);
    assert_eq!(world.store.events_after(room, 0, 10).await.unwrap().first().map(|event| event.seq), Some(22));
    assert_eq!(world.store.rooms().await.unwrap().len(), 3, "a stream whose events are all archived is still one");
    assert_eq!(world.store.events_after(WORKSPACE_ROOM, 0, 100).await.unwrap().len(), 4);
}

#[tokio::test]
async fn young_events_and_half_a_segment_stay() {
    let world = server_with_a_past().await;
    let young = world.env.now() - 2 * DAY;
    assert_eq!(world.store.archive_segment(young, 10).await.unwrap(), Archived::default());
    assert_eq!(world.store.archive_segment(now(&world), 100).await.unwrap(), Archived::default());
    assert!(!world.home().join("archive").exists(), "nothing is written that is not whole");
}

#[tokio::test]
async fn the_database_refuses_to_delete_what_no_checkpoint_covers() {
    let world = server_with_a_past().await;
    archive(&world).await;
    for (sql, reason) in [
        ("DELETE FROM events WHERE position = 41", "events are never deleted"),
        ("UPDATE archives SET last_position = 42 WHERE last_position = 40", "archived segments are never changed"),
        ("DELETE FROM archives", "deleted"),
        (
            "INSERT INTO archives SELECT 60, 51, file, digest, chain, at, signature FROM archives LIMIT 1",
            "follow each other",
        ),
    ] {
        let refused = world.attack(sql).await.unwrap_err().to_string();
        assert!(refused.contains(reason), "{sql}: {refused}");
    }
    assert_eq!(findings(&world).await, []);
}

#[tokio::test]
async fn a_start_that_died_before_events_left_the_table_takes_them_out_later() {
    let world = server_with_a_past().await;
    world.attack("CREATE TABLE kept AS SELECT * FROM events").await.unwrap();
    archive(&world).await;
    // As if the server had died after the checkpoint, before the first event left.
    let back = "INSERT INTO events SELECT * FROM kept WHERE position <= 40; DROP TABLE kept";
    world.attack(back).await.unwrap();
    assert_eq!(findings(&world).await, []);
    let world = world.restart().await;
    assert_eq!((world.store.alarm(), findings(&world).await), (None, vec![]));
    let later = world.store.archive_segment(now(&world), 10).await.unwrap();
    assert_eq!(later, Archived { events: 0, removed: 40 });
}

#[tokio::test]
async fn a_change_of_the_archive_is_found() {
    type Attack = fn(&Path);
    let attacks: [(&str, Attack); 3] = [
        ("a flipped bit", |home| {
            let path = segment(home, 11);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("a missing file", |home| fs::remove_file(segment(home, 11)).unwrap()),
        ("two files swapped", |home| {
            fs::rename(segment(home, 11), home.join("x")).unwrap();
            fs::rename(segment(home, 21), segment(home, 11)).unwrap();
            fs::rename(home.join("x"), segment(home, 21)).unwrap();
        }),
    ];
    for (what, attack) in attacks {
        let world = server_with_a_past().await;
        archive(&world).await;
        attack(&world.home());
        let found = findings(&world).await;
        let named = found.iter().all(|finding| matches!(finding, Finding::Archive { from: 11 | 21, .. }));
        assert!(!found.is_empty() && named, "{what}: {found:?}");
    }
}

#[tokio::test]
async fn a_forged_checkpoint_is_found_and_told_at_the_start() {
    let world = server_with_a_past().await;
    archive(&world).await;
    let forge = async |place: &Place| {
        // What it takes to make forty-one events disappear: the guards are dropped, and a checkpoint is made up.
        let guards = match crate::DATABASE {
            Database::Sqlite => "DROP TRIGGER archives_are_not_changed",
            Database::Postgres => "DROP TRIGGER archives_are_final ON archives",
        };
        let forgery = "UPDATE archives SET last_position = 41 WHERE last_position = 40; \
                       DELETE FROM events WHERE position = 41";
        place.attack(&format!("{guards}; {forgery}")).await.unwrap();
    };
    let world = world.restart_after(forge).await;
    assert_eq!(world.store.alarm(), Some("a checkpoint of the archive was changed"));
    let found = findings(&world).await;
    assert!(found.contains(&Finding::ForgedCheckpoint { position: 41 }), "{found:?}");
}
