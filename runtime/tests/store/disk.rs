//! A full disk: what was acknowledged stays, what stops and answers still works, and when there is space again
//! everything goes on by itself.

use std::fs;
use std::path::Path;

use intents::need::{Choice, Kind};
use intents::run::Phase;
use runtime::env::Env;
use runtime::store::{Delivered, Delivery, Error, Mode, NewNeed, Store};
use serde_json::json;
use tempfile::TempDir;

use super::shim;
use super::world::{code, delivery, import, keys};

/// The disk: some room beside the 16 MiB that the store keeps for bad days.
const DISK_BYTES: u64 = 24 * 1024 * 1024;
/// The disk, after somebody bought a larger one.
const LARGER_BYTES: u64 = 96 * 1024 * 1024;

fn set_disk(folder: &Path, bytes: u64) {
    fs::write(folder.parent().unwrap().join("disk_bytes"), bytes.to_string()).unwrap();
}

fn large(automation: intents::id::AutomationId, number: usize) -> Delivery {
    let dice = super::world::Dice::new(number as u64);
    let noise: String = (0..4096).map(|_| format!("{:016x}", dice.roll())).collect();
    Delivery { input: json!(noise), ..delivery(automation, &number.to_string()) }
}

fn need(key: String, run: Option<intents::id::RunId>) -> NewNeed {
    NewNeed {
        kind: Kind::Trigger,
        dedupe_key: key,
        automation: None,
        run,
        call: None,
        effect: None,
        title: "The folder is gone".to_owned(),
        evidence: json!({}),
    }
}

async fn fill_and_recover(folder: &Path) {
    let store = Store::open(folder, Env::real(), keys()).await.unwrap();
    let automation = store.import(import("reminders", vec![])).await.unwrap().id;
    let asked = store.open_need(need("asked".to_owned(), None)).await.unwrap();

    let mut acknowledged = Vec::new();
    let refused = loop {
        match store.deliver(large(automation, acknowledged.len())).await {
            Ok(Delivered::New { item, run }) => acknowledged.push((item, run)),
            Ok(other @ (Delivered::Known { .. } | Delivered::Skipped { .. })) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!((refused.code(), refused.class()), ("STORE_DISK_FULL", intents::failure::Class::Transient));
    assert!(store.is_full());
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    // What can wait is refused before it takes what little there is.
    assert_eq!(code(store.deliver(large(automation, 9999)).await), "STORE_DISK_FULL");
    assert_eq!(code(store.set_setting("a", json!(1), "ann").await), "STORE_DISK_FULL");
    store.keep_reserve();
    assert!(store.is_full(), "there is no space yet");

    // What cannot wait works, a thousand times.
    store.stop_all(true, "ann").await.unwrap();
    assert_eq!(store.answer_need(asked, Choice::Dismiss, "ann").await.unwrap().answer, Some(Choice::Dismiss));
    let (_, stopped) = acknowledged[0];
    assert_eq!(store.stop_run(stopped, "ann").await.unwrap().phase, Phase::Stopped);
    assert_eq!(store.set_mode(automation, Mode::Stopped, "ann").await.unwrap().mode, Mode::Stopped);
    for number in 0..1000 {
        store.open_need(need(format!("full {number}"), None)).await.unwrap();
    }
    for (item, run) in &acknowledged {
        store.item(*item).await.unwrap();
        store.run(*run).await.unwrap();
    }
    println!("disk full after {} items; 1004 essential changes went through", acknowledged.len());

    // A start on the disk works too. The stop puts things in order, so a little may fit once more.
    store.close().await;
    let store = Store::open(folder, Env::real(), keys()).await.unwrap();
    let refused = loop {
        match store.deliver(large(automation, acknowledged.len())).await {
            Ok(Delivered::New { item, run }) => acknowledged.push((item, run)),
            Ok(other @ (Delivered::Known { .. } | Delivered::Skipped { .. })) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.code(), "STORE_DISK_FULL");
    assert!(store.is_full());

    set_disk(folder, LARGER_BYTES);
    store.keep_reserve();
    assert!(!store.is_full());
    store.stop_all(false, "ann").await.unwrap();
    store.deliver(large(automation, 9999)).await.unwrap();
    for (number, (item, run)) in acknowledged.iter().enumerate() {
        assert_eq!(store.item(*item).await.unwrap().input, large(automation, number).input);
        assert_eq!(store.run(*run).await.unwrap().phase.is_over(), *run == stopped);
    }
    store.anchor().await.unwrap();
    assert_eq!(store.audit(|_| {}).await.unwrap().findings, []);
    assert_eq!(store.quick_check().await.unwrap(), Vec::<String>::new());
    store.close().await;
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged_and_still_lets_a_person_stop_and_answer() {
    if let Some(folder) = shim::child_folder() {
        return shim::block_on(fill_and_recover(&folder));
    }
    let work = TempDir::new().unwrap();
    let folder = fs::canonicalize(work.path()).unwrap().join("home");
    fs::create_dir(&folder).unwrap();
    set_disk(&folder, DISK_BYTES);
    let test = "disk::a_full_disk_loses_nothing_that_was_acknowledged_and_still_lets_a_person_stop_and_answer";
    let ended = shim::child(test, &folder, None).status().unwrap();
    assert!(ended.success(), "{ended}");
}

#[test]
fn a_disk_that_is_full_at_the_first_start_is_a_clear_error() {
    if let Some(folder) = shim::child_folder() {
        return shim::block_on(async {
            let refused: Error = Store::open(&folder, Env::real(), keys()).await.unwrap_err();
            assert!(["STORE_DISK_FULL", "STORE_FOLDER"].contains(&refused.code()), "{refused}");
            set_disk(&folder, LARGER_BYTES);
            Store::open(&folder, Env::real(), keys()).await.unwrap();
        });
    }
    for bytes in [0, 4096, 50_000, 100_000] {
        let work = TempDir::new().unwrap();
        let folder = fs::canonicalize(work.path()).unwrap().join("home");
        fs::create_dir(&folder).unwrap();
        set_disk(&folder, bytes);
        let test = "disk::a_disk_that_is_full_at_the_first_start_is_a_clear_error";
        let ended = shim::child(test, &folder, None).status().unwrap();
        assert!(ended.success(), "{bytes}: {ended}");
    }
}
