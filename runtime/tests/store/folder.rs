//! The data folder: one server, no newer database, no damaged one, and patience with other programs.

use std::fs;

use runtime::store::{Error, RunFilter, Store};
use sqlx::Connection;
use tempfile::TempDir;

use super::place::Place;
use super::world::{World, code, delivery, keys};

#[tokio::test]
async fn a_second_server_on_the_folder_is_refused_and_told_who_holds_it() {
    let world = World::new().await;
    let refused = world.open_another().await.unwrap_err();
    let Error::Locked { folder, holder } = &refused else { panic!("{refused}") };
    assert_eq!((folder, holder), (&world.home(), &std::process::id().to_string()));
    assert_eq!(refused.code(), "STORE_LOCKED");
    assert!(refused.to_string().contains(holder.as_str()), "{refused}");
    // The one that holds it is not disturbed.
    world.automation("reminders").await;
}

#[tokio::test]
async fn the_folder_is_free_when_the_last_handle_is_gone_and_everything_is_written() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    drop(world.store.clone());
    assert_eq!(code(world.open_another().await), "STORE_LOCKED");
    // Handed in, not yet written: the folder is held until it is.
    let attempt = world.attempt(&automation, "a").await;
    drop(world.store.append(attempt.progress()).await.unwrap());
    let world = world.restart().await;
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_folder_with_an_odd_name_is_made_for_its_owner_alone() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    for name in ["a b", "x?mode=memory", "50%25", "a#b", "é/xx/x", "it's"] {
        let home = folder.path().join(name);
        let store = Store::open(&home, world.env.clone(), keys()).await.unwrap();
        store.set_setting("here", serde_json::json!(name), "ann").await.unwrap();
        store.close().await;
        assert!(fs::metadata(home.join("steward.db")).unwrap().len() > 0, "{name}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700, "{name}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_clear_error() {
    let world = World::new().await;
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = Store::open(&folder.path().join("file/home"), world.env.clone(), keys()).await;
    assert_eq!(code(refused), "STORE_FOLDER");
}

/// What an open says after somebody did something to the files of a stopped server.
async fn refused_after(change: impl AsyncFnOnce(&Place)) -> Error {
    let place = Place::new().await;
    let env = World::new().await.env.clone();
    let store = place.open(&env).await.unwrap();
    for number in 0..50 {
        store.import(super::world::import(&format!("automation {number}"), vec![])).await.unwrap();
    }
    store.close().await;
    change(&place).await;
    let before = fs::read(place.home().join("steward.db")).unwrap();
    let refused = place.open(&env).await.unwrap_err();
    assert!(fs::read(place.home().join("steward.db")).unwrap() == before, "it was not left alone");
    // The folder is free again: a refused server holds nothing.
    assert_ne!(code(place.open(&env).await), "STORE_LOCKED");
    refused
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let newer = async |place: &Place| {
        place.attack("INSERT INTO seaql_migrations VALUES ('m9999_future', 0)").await.unwrap();
    };
    let refused = refused_after(newer).await;
    assert_eq!(refused.code(), "STORE_NEWER");
    assert!(refused.to_string().contains("m9999_future"), "{refused}");
}

#[tokio::test]
async fn a_damaged_file_is_told_as_such() {
    let noise = async |place: &Place| fs::write(place.home().join("steward.db"), vec![b'x'; 100_000]).unwrap();
    let refused = refused_after(noise).await;
    assert_eq!(refused.code(), "STORE_DAMAGED", "{refused}");
    let torn = async |place: &Place| {
        let path = place.home().join("steward.db");
        let mut bytes = fs::read(&path).unwrap();
        for page in bytes.chunks_mut(4096).skip(1) {
            page.fill(0xAA);
        }
        fs::write(path, bytes).unwrap();
    };
    let refused = refused_after(torn).await;
    assert_eq!(refused.code(), "STORE_DAMAGED", "{refused}");
}

#[tokio::test]
async fn a_sound_file_passes_the_check() {
    let world = World::new().await;
    for number in 0..50 {
        world.automation(&format!("automation {number}")).await;
    }
    assert_eq!(world.store.quick_check().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_database_that_another_program_locks_is_busy_and_works_again_afterwards() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let mut other = world.place().shell().await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let deliveries = (0..20).map(|number| world.store.deliver(delivery(automation.id, &number.to_string())));
    for delivered in futures_util::future::join_all(deliveries).await {
        let refused = delivered.unwrap_err();
        assert_eq!((refused.code(), refused.class()), ("STORE_BUSY", intents::failure::Class::Transient));
    }
    // Whoever only reads is not disturbed.
    assert_eq!(world.store.runs(&RunFilter::default(), 10).await.unwrap(), []);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    world.store.deliver(delivery(automation.id, "a")).await.unwrap();
    assert_eq!(world.store.runs(&RunFilter::default(), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_program_that_writes_in_between_makes_nobody_fail() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let mut other = world.place().shell().await;
    for number in 0..50 {
        let write = sqlx::query("INSERT INTO settings VALUES ('x', '1', 0) ON CONFLICT (name) DO NOTHING");
        let (written, delivered, shrunk) = tokio::join!(
            write.execute(&mut other),
            world.store.deliver(delivery(automation.id, &number.to_string())),
            world.store.checkpoint(),
        );
        written.unwrap();
        delivered.unwrap();
        shrunk.unwrap();
    }
}
