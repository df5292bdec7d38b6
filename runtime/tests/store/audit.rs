//! Nobody changes the record of events unseen.

use std::fs;
use std::path::Path;

use runtime::store::{Anchor, Finding};

use super::place::{Database, Place};
use super::world::{World, delivery};

/// What an attacker who owns the database does first.
const WITHOUT_GUARDS: &str = match crate::DATABASE {
    Database::Sqlite => "DROP TRIGGER events_are_not_changed; DROP TRIGGER events_are_not_deleted; ",
    Database::Postgres => "DROP TRIGGER events_are_final ON events; ",
};

/// A server with a history: two automations, some runs, all of it anchored.
async fn server_with_a_past() -> World {
    let world = World::new().await;
    for name in ["reminders", "reports"] {
        let automation = world.automation(name).await;
        for number in 0..5 {
            world.store.deliver(delivery(automation.id, &number.to_string())).await.unwrap();
        }
    }
    assert!(world.store.anchor().await.unwrap());
    world
}

async fn findings(world: &World) -> Vec<Finding> {
    world.store.audit(|_| {}).await.unwrap().findings
}

/// What an audit finds after an attack; the same while the server runs on, and after it was stopped for the attack.
async fn found_after(sql: &str) -> Vec<Finding> {
    let world = server_with_a_past().await;
    world.attack(&format!("{WITHOUT_GUARDS}{sql}")).await.unwrap();
    let found = findings(&world).await;

    let world = server_with_a_past().await;
    let attack = async |place: &Place| place.attack(&format!("{WITHOUT_GUARDS}{sql}")).await.unwrap();
    let world = world.restart_after(attack).await;
    // The server goes on and signs what it has; what was done before stays in the open.
    world.automation("later").await;
    world.store.anchor().await.unwrap();
    let later = findings(&world).await;
    for finding in &found {
        let stays = match finding {
            // The present anchor leads on from the old one, so the place where it shows may be a later one; and there
            // are events beyond a cut by now.
            Finding::Cut { .. } | Finding::NotAnchored { .. } => {
                later.iter().any(|later| matches!(later, Finding::Cut { .. } | Finding::NotAnchored { .. }))
            }
            Finding::Edited { .. }
            | Finding::Broken { .. }
            | Finding::Missing { .. }
            | Finding::NoAnchor
            | Finding::ForgedAnchor
            | Finding::ForgedCheckpoint { .. }
            | Finding::Archive { .. } => later.contains(finding),
        };
        assert!(stays, "{finding} is forgotten after a start: {later:?}");
    }
    found
}

#[tokio::test]
async fn a_clean_record_has_no_findings() {
    let world = server_with_a_past().await;
    let audit = world.store.audit(|_| {}).await.unwrap();
    assert_eq!((audit.events, audit.streams, audit.anchored, audit.findings), (12, 2, Some(12), vec![]));
    assert!(!world.store.anchor().await.unwrap(), "nothing has moved since");
    let world = world.restart().await;
    assert_eq!((findings(&world).await, world.store.alarm()), (vec![], None));
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_or_delete_an_event() {
    let world = server_with_a_past().await;
    for (sql, reason) in [
        ("UPDATE events SET actor = 'mallory' WHERE position = 3", "events are never changed"),
        ("DELETE FROM events WHERE position = 3", "events are never deleted"),
    ] {
        let refused = world.attack(sql).await.unwrap_err().to_string();
        assert!(refused.contains(reason), "{refused}");
    }
    assert_eq!(findings(&world).await, []);
}

#[tokio::test]
async fn an_edit_is_found() {
    // A blob of zeros, as each database writes it.
    let zeros = |length: usize| match crate::DATABASE {
        Database::Sqlite => format!("hash = zeroblob({length})"),
        Database::Postgres => format!("hash = decode(repeat('00', {length}), 'hex')"),
    };
    for change in
        ["data = '{}'", "actor = 'mallory'", "at = at + 1", "type = 'run.failed'", "run = NULL", &zeros(32), &zeros(3)]
    {
        let found = found_after(&format!("UPDATE events SET {change} WHERE position = 5")).await;
        assert_eq!(found[0], Finding::Edited { position: 5 }, "{change}");
    }
}

#[tokio::test]
async fn a_swap_is_found() {
    let swap = |one: u32, other: u32| {
        format!(
            "UPDATE events SET position = -1 WHERE position = {one}; \
             UPDATE events SET position = {one} WHERE position = {other}; \
             UPDATE events SET position = {other} WHERE position = -1"
        )
    };
    // Within a stream, and across two of them.
    assert!(matches!(found_after(&swap(3, 4)).await[0], Finding::Broken { position: 3, .. }));
    assert_eq!(found_after(&swap(3, 9)).await.last(), Some(&Finding::NotAnchored { position: 12 }));
}

#[tokio::test]
async fn a_deletion_is_found() {
    let found = found_after("DELETE FROM events WHERE position IN (4, 5)").await;
    assert_eq!(found[0], Finding::Missing { from: 4, to: 5 });
    let closed = "DELETE FROM events WHERE position = 4; \
                  UPDATE events SET position = position - 1 WHERE position = 5; \
                  UPDATE events SET position = position - 1 WHERE position = 6; \
                  DELETE FROM events WHERE position > 6";
    let found = found_after(closed).await;
    assert!(matches!(found[0], Finding::Broken { position: 4, .. }), "a gap that was closed: {found:?}");
    // A whole stream, with the gap closed: each other stream is sound in itself.
    let found = found_after("DELETE FROM events WHERE position > 6; DELETE FROM events WHERE position = 1").await;
    assert_eq!(found[0], Finding::Missing { from: 1, to: 1 });
}

#[tokio::test]
async fn an_event_that_was_put_in_is_found() {
    let copied = "INSERT INTO events SELECT 13, 'evt_x', workspace, room, stream_seq + 1, type, actor, \
                  correlation_id, causation_id, run, data, at, hash, hash FROM events WHERE position = 12";
    assert_eq!(found_after(copied).await, [Finding::Edited { position: 13 }]);
}

#[tokio::test]
async fn a_cut_tail_is_found() {
    let found = found_after("DELETE FROM events WHERE position > 9").await;
    assert_eq!(found, [Finding::Cut { anchored: 12, last: 9 }]);
    let found = found_after("DELETE FROM events").await;
    assert_eq!(found, [Finding::Cut { anchored: 12, last: 0 }]);
}

#[tokio::test]
async fn a_cut_tail_that_is_replaced_by_other_events_is_found() {
    let world = server_with_a_past().await;
    let cut = async |place: &Place| {
        place.attack(&format!("{WITHOUT_GUARDS}DELETE FROM events WHERE position > 9")).await.unwrap();
        // The attacker hides the alarm, too.
        let home = place.home();
        fs::rename(home.join("anchor.json"), home.join("kept.json")).unwrap();
    };
    let world = world.restart_after(cut).await;
    for number in 0..5 {
        world.automation(&format!("filler {number}")).await;
    }
    fs::rename(world.home().join("kept.json"), world.home().join("anchor.json")).unwrap();
    assert_eq!(findings(&world).await, [Finding::NotAnchored { position: 12 }]);
}

#[tokio::test]
async fn a_forged_changed_or_missing_anchor_is_found_and_told_at_the_start() {
    let other_key = Anchor::sign(&[9; 32], 12, intents::canonical::Digest::of(b"x"), intents::Timestamp::EPOCH);
    let forged = serde_json::to_vec(&other_key).unwrap();
    for (bytes, finding, alarm) in [
        (Some(forged), Finding::ForgedAnchor, "the anchor file was changed"),
        (Some(b"{}".to_vec()), Finding::ForgedAnchor, "the anchor file was changed"),
        (Some(vec![b' '; 5000]), Finding::ForgedAnchor, "the anchor file was changed"),
        (None, Finding::NoAnchor, "the anchor file is missing"),
    ] {
        let world = server_with_a_past().await;
        let change = |home: &Path| match &bytes {
            Some(bytes) => fs::write(home.join("anchor.json"), bytes).unwrap(),
            None => fs::remove_file(home.join("anchor.json")).unwrap(),
        };
        change(&world.home());
        assert_eq!(findings(&world).await, std::slice::from_ref(&finding));
        let world = world.restart().await;
        assert_eq!(world.store.alarm(), Some(alarm));
        assert!(findings(&world).await.contains(&finding), "the start hides what it found");
    }
}

#[tokio::test]
async fn a_cut_tail_is_told_at_the_start() {
    let world = server_with_a_past().await;
    let cut = async |place: &Place| {
        place.attack(&format!("{WITHOUT_GUARDS}DELETE FROM events WHERE position > 9")).await.unwrap();
    };
    let world = world.restart_after(cut).await;
    assert_eq!(world.store.alarm(), Some("events are missing: the anchor was signed at 12, the last event is 9"));
}
