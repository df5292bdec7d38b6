//! A store moves from a folder into a database: all of it, once, and however often it is broken off.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use connectors::vault::{MasterKeySource, Vault};
use intents::id::AutomationId;
use runtime::env::Env;
use runtime::store::{Delivered, Keys, Store};
use serde_json::Value;

use super::place::Place;
use super::world::{code, delivery, import};

const LEASE: Duration = Duration::from_secs(5);
/// Enough for the copy to take some commits.
const ITEMS: usize = 4000;

fn keys(home: &Path) -> Keys {
    Keys::of(&Vault::open(home, &MasterKeySource::key_file(home)).unwrap())
}

async fn deliver(store: &Store, automation: AutomationId, count: usize) {
    let deliveries = (0..count).map(|number| store.deliver(delivery(automation, &number.to_string())));
    for delivered in futures_util::future::join_all(deliveries).await {
        assert!(matches!(delivered.unwrap(), Delivered::New { .. }));
    }
}

/// A folder with a history, and nobody who uses it.
async fn folder_with_a_past(place: &Place, items: usize) -> AutomationId {
    let home = place.home();
    Store::make_folder(&home).unwrap();
    let store = Store::open(&home, Env::real(), keys(&home)).await.unwrap();
    let automation = store.import(import("reminders", Vec::new())).await.unwrap();
    deliver(&store, automation.id, items).await;
    store.anchor().await.unwrap();
    store.close().await;
    automation.id
}

/// The command, with the address in a file.
fn migrate(place: &Place) -> Command {
    let address = place.home().with_file_name("address");
    std::fs::write(&address, place.url()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward"));
    command.args(["--json", "store", "migrate", "--to-file"]).arg(address);
    command.env("STEWARD_HOME", place.home()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn copied(place: &Place) -> i64 {
    let there = "SELECT count(*) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_name = 'store_move'";
    match place.number(there).await {
        0 => 0,
        _ => place.number("SELECT COALESCE(SUM(done), 0)::int8 FROM store_move").await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_is_killed_in_the_middle_goes_on_and_loses_nothing() {
    let place = Place::new().await;
    let automation = folder_with_a_past(&place, ITEMS).await;
    let (mut kills, mut kills_in_the_middle) = (0, 0);
    let moved = loop {
        let before = copied(&place).await;
        let mut moving = migrate(&place).spawn().unwrap();
        // It is killed as soon as it has got on a little.
        while kills < 6 && moving.try_wait().unwrap().is_none() && copied(&place).await <= before {
            tokio::task::yield_now().await;
        }
        if kills < 6 && moving.try_wait().unwrap().is_none() {
            moving.kill().unwrap();
            moving.wait().unwrap();
            kills += 1;
            let done = copied(&place).await;
            kills_in_the_middle += usize::from(done > 0);
            if done > 0 {
                let (beside, postgres) = (place.beside(None), place.postgres(LEASE));
                let keys = keys(&place.home());
                let early = Store::open_postgres(&beside.home(), &postgres, Env::real(), keys, &|_| true).await;
                assert_eq!(code(early), "STORE_MOVE_UNFINISHED");
            }
            continue;
        }
        break moving.wait_with_output().unwrap();
    };
    assert!(moved.status.success(), "{}", said(&moved));
    assert!(kills_in_the_middle > 0, "it was never killed in the middle");
    let told: Value = serde_json::from_slice(&moved.stdout).unwrap();
    assert!(told["rows"].as_u64().unwrap() > ITEMS as u64, "{told}");
    assert_eq!(told["resumed"], true, "{told}");

    // The folder is left in peace; the database goes on where it was.
    let home = place.home();
    assert_eq!(code(Store::open(&home, Env::real(), keys(&home)).await), "STORE_MOVED");
    let store = Store::open_postgres(&home, &place.postgres(LEASE), Env::real(), keys(&home), &|_| true).await.unwrap();
    assert_eq!((store.alarm(), store.audit(|_| {}).await.unwrap().findings), (None, vec![]));
    let known = store.deliver(delivery(automation, "17")).await.unwrap();
    assert!(matches!(known, Delivered::Known { .. }), "what was taken before is known: {known:?}");
    assert!(matches!(store.deliver(delivery(automation, "new")).await.unwrap(), Delivered::New { .. }));
    assert_eq!(store.audit(|_| {}).await.unwrap().findings, []);
    store.close().await;

    // Moved once more it would undo what happened since.
    let again = migrate(&place).output().unwrap();
    assert!(said(&again).contains("STORE_TARGET_NOT_EMPTY"), "{}", said(&again));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_died_before_it_marked_the_folder_is_made_again() {
    let place = Place::new().await;
    folder_with_a_past(&place, 10).await;
    for resumed in [false, true] {
        let moved = migrate(&place).output().unwrap();
        assert!(moved.status.success(), "{}", said(&moved));
        let told: Value = serde_json::from_slice(&moved.stdout).unwrap();
        assert_eq!(told["resumed"], resumed);
        std::fs::remove_file(place.home().join("steward.db.moved")).unwrap();
    }
    // Should the folder have been used in between, that is seen.
    let store = Store::open(&place.home(), Env::real(), keys(&place.home())).await.unwrap();
    store.import(import("later", Vec::new())).await.unwrap();
    store.close().await;
    let differs = migrate(&place).output().unwrap();
    assert!(said(&differs).contains("STORE_MOVE_DIFFERS"), "{}", said(&differs));
    assert!(!place.home().join("steward.db.moved").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_moves_under_a_running_server_or_over_what_is_there() {
    let place = Place::new().await;
    folder_with_a_past(&place, 10).await;
    let home = place.home();
    let store = Store::open(&home, Env::real(), keys(&home)).await.unwrap();
    let refused = migrate(&place).output().unwrap();
    assert!(said(&refused).contains("STORE_LOCKED"), "{}", said(&refused));
    assert_eq!(refused.status.code(), Some(7));
    store.close().await;

    place.attack("CREATE TABLE theirs (id int)").await.unwrap();
    let refused = migrate(&place).output().unwrap();
    assert!(said(&refused).contains("STORE_TARGET_NOT_EMPTY"), "{}", said(&refused));
    assert_eq!(refused.status.code(), Some(6));
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()";
    assert_eq!(place.number(tables).await, 1, "nothing was made there");

    // The address and its password are repeated nowhere.
    let mut command = Command::new(env!("CARGO_BIN_EXE_steward"));
    command.args(["store", "migrate", "--to", "postgres://ann:geheim@127.0.0.1:1/x"]).env("STEWARD_HOME", &home);
    let unreachable = command.output().unwrap();
    assert!(!unreachable.status.success() && !said(&unreachable).contains("geheim"), "{}", said(&unreachable));
    assert!(Store::open(&home, Env::real(), keys(&home)).await.is_ok(), "the folder is still the store");
}
