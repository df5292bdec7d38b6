//! A message is taken once under its dedupe key, whoever brings it and how often.

use futures_util::future::join_all;
use intents::Timestamp;
use intents::run::Phase;
use runtime::store::{Advance, Delivered, Delivery, Mode, NewTrigger, RunFilter, SeenFile};
use serde_json::json;

use super::world::{START, World, code, delivery, import};

async fn runs(world: &World) -> usize {
    world.store.runs(&RunFilter::default(), 1000).await.unwrap().len()
}

#[tokio::test]
async fn a_text_that_not_every_database_can_hold_is_refused_by_all() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    assert_eq!(code(world.store.deliver(delivery(automation.id, "a\0b")).await), "TEXT_NUL");
    assert_eq!(code(world.store.automation("remin\0ders").await), "TEXT_NUL");
    // Nothing of it was stored, and the next one gets through. Content may hold it.
    let fresh = Delivery { input: json!({ "text": "a\0b" }), ..delivery(automation.id, "ab") };
    assert!(matches!(world.store.deliver(fresh).await.unwrap(), Delivered::New { .. }));
    assert_eq!(world.number("SELECT count(*) FROM runs").await, 1);
}

#[tokio::test]
async fn a_message_that_comes_twice_is_one_item_with_one_run() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let first = world.store.deliver(delivery(automation.id, "a")).await.unwrap();
    let Delivered::New { item, run } = first else { panic!("{first:?}") };
    let again = Delivery { input: json!("something else"), ..delivery(automation.id, "a") };
    assert_eq!(world.store.deliver(again).await.unwrap(), Delivered::Known { item, run: Some(run) });
    assert_eq!(world.store.item(item).await.unwrap().input, json!({ "invoice": "a" }), "the first stands");
    assert_eq!(runs(&world).await, 1);
    // Another automation has dedupe keys of its own.
    let other = world.automation("reports").await;
    assert!(matches!(world.store.deliver(delivery(other.id, "a")).await.unwrap(), Delivered::New { .. }));
    let world = world.restart().await;
    let known = world.store.deliver(delivery(automation.id, "a")).await.unwrap();
    assert_eq!(known, Delivered::Known { item, run: Some(run) });
}

#[tokio::test]
async fn messages_that_come_at_once_share_a_commit_and_are_taken_once_each() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let (before, _) = world.store.counts();
    let deliveries = (0..100).map(|number| world.store.deliver(delivery(automation.id, &(number % 10).to_string())));
    let delivered = join_all(deliveries).await;
    let new = delivered.iter().filter(|delivered| matches!(delivered, Ok(Delivered::New { .. }))).count();
    assert_eq!((new, runs(&world).await), (10, 10));
    assert_eq!(world.store.counts().0 - before, 1, "one commit for all of them");
    for known in delivered.into_iter().skip(10) {
        assert!(matches!(known.unwrap(), Delivered::Known { run: Some(_), .. }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn messages_from_many_threads_are_taken_once_each() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let tasks = (0..200).map(|number| {
        let store = world.store.clone();
        let delivery = delivery(automation.id, &(number % 20).to_string());
        tokio::spawn(async move { store.deliver(delivery).await.unwrap() })
    });
    let delivered = join_all(tasks).await;
    let new = delivered.iter().filter(|delivered| matches!(delivered, Ok(Delivered::New { .. }))).count();
    assert_eq!((new, runs(&world).await), (20, 20));
}

#[tokio::test]
async fn many_deliveries_are_taken_all_or_none() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let gone = world.automation("gone").await;
    world.store.set_mode(gone.id, Mode::Removed, "ann").await.unwrap();
    let mixed = vec![delivery(automation.id, "a"), delivery(gone.id, "b")];
    assert_eq!(code(world.store.deliver_all(mixed).await), "NOT_FOUND");
    assert_eq!(runs(&world).await, 0);
    let good = vec![delivery(automation.id, "a"), delivery(automation.id, "a"), delivery(automation.id, "b")];
    let delivered = world.store.deliver_all(good).await.unwrap();
    assert!(matches!(delivered[1], Delivered::Known { run: Some(_), .. }), "{delivered:?}");
    assert_eq!(runs(&world).await, 2);
}

#[tokio::test]
async fn a_message_is_left_out_while_a_run_is_under_way_if_the_contract_says_so() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let skipping = |key| Delivery { skip_if_busy: true, ..delivery(automation.id, key) };
    let first = world.store.deliver(skipping("a")).await.unwrap();
    let Delivered::New { item, run } = first else { panic!("{first:?}") };
    let Delivered::Skipped { item: left_out } = world.store.deliver(skipping("b")).await.unwrap() else {
        panic!("the first run is queued")
    };
    // It is known all the same: it does not come again.
    let again = world.store.deliver(skipping("b")).await.unwrap();
    assert_eq!(again, Delivered::Known { item: left_out, run: None });

    // The end of the run and the next message share a commit.
    let attempt = super::world::Attempt::first(&world, automation.id, item, run);
    let (ended, next) = tokio::join!(attempt.finish(), world.store.deliver(skipping("c")));
    ended.unwrap();
    assert!(matches!(next.unwrap(), Delivered::New { .. }), "the run was over before the message came");
}

#[tokio::test]
async fn a_slot_fires_once_whoever_fires_it() {
    let world = World::new().await;
    let slot = Timestamp::from_millis(START + 1000);
    let trigger = NewTrigger { kind: "schedule", body: r#"{"schedule":"* * * * *"}"#.to_owned(), next_at: Some(slot) };
    let automation = world.store.import(import("reports", vec![trigger])).await.unwrap();
    assert_eq!(world.store.next_slot().await.unwrap(), Some(slot));
    assert_eq!(world.store.due_triggers(Timestamp::from_millis(START), 10).await.unwrap(), []);
    let due = world.store.due_triggers(slot, 10).await.unwrap().remove(0);
    let next = Timestamp::from_millis(START + 61_000);
    let advance = || {
        vec![Advance {
            trigger: due.id,
            expected_last: due.last_at,
            deliveries: vec![delivery(automation.id, &slot.to_string())],
            missed: None,
            last_at: slot,
            next_at: Some(next),
        }]
    };
    let (one, other) = tokio::join!(world.store.advance_triggers(advance()), world.store.advance_triggers(advance()));
    assert_eq!((one.unwrap().len(), other.unwrap().len(), runs(&world).await), (1, 0, 1));
    assert_eq!(world.store.next_slot().await.unwrap(), Some(next));
    // A trigger that an import leaves as it is keeps what it has seen; one that it drops fires no more.
    let same = NewTrigger { kind: "schedule", body: due.body.clone(), next_at: None };
    world.store.import(import("reports", vec![same])).await.unwrap();
    assert_eq!(world.store.next_slot().await.unwrap(), Some(next));
    world.store.import(import("reports", Vec::new())).await.unwrap();
    assert_eq!(world.store.next_slot().await.unwrap(), None);
}

#[tokio::test]
async fn a_file_is_remembered_in_the_commit_that_delivers_it() {
    let world = World::new().await;
    let trigger = NewTrigger { kind: "file", body: r#"{"folder":"in"}"#.to_owned(), next_at: None };
    let automation = world.store.import(import("statements", vec![trigger])).await.unwrap();
    let trigger = world.store.triggers("file").await.unwrap().remove(0);
    let file = |digest: &str| SeenFile {
        path: "january.csv".to_owned(),
        size: 12,
        modified: Timestamp::from_millis(START),
        digest: digest.to_owned(),
    };
    let taken = world.store.take_file(trigger.id, file("d1"), Some(delivery(automation.id, "d1"))).await.unwrap();
    assert!(matches!(taken, Some(Delivered::New { .. })));
    assert_eq!(world.store.take_file(trigger.id, file("d2"), None).await.unwrap(), None);
    assert_eq!(world.store.seen_files(trigger.id).await.unwrap(), [file("d2")]);
    // What cannot be delivered is not remembered either.
    world.store.set_mode(automation.id, Mode::Removed, "ann").await.unwrap();
    let refused = world.store.take_file(trigger.id, file("d3"), Some(delivery(automation.id, "d3"))).await;
    assert_eq!(code(refused), "NOT_FOUND");
    assert_eq!(world.store.seen_files(trigger.id).await.unwrap(), [file("d2")]);
}

#[tokio::test]
async fn a_new_script_is_a_minor_version_and_a_new_contract_a_major_one() {
    let world = World::new().await;
    let first = world.automation("reports").await;
    assert_eq!(world.automation("reports").await.script, first.script, "the same again changes nothing");
    let repaired = runtime::store::Import { program: "export default () => 2".into(), ..import("reports", vec![]) };
    let second = world.store.import(repaired).await.unwrap();
    let version = |script: runtime::store::ScriptVersion| (script.major, script.minor);
    assert_eq!((second.id, second.contract), (first.id, first.contract));
    assert_eq!(version(world.store.script(second.script).await.unwrap()), (1, 1));
    let widened = runtime::store::Import { contract: r#"{"title":"U"}"#.to_owned(), ..import("reports", vec![]) };
    let third = world.store.import(widened).await.unwrap();
    assert_eq!(version(world.store.script(third.script).await.unwrap()), (2, 0));
    assert_eq!(world.store.contract(third.contract).await.unwrap().version, 2);
    assert_eq!(world.store.contract(first.contract).await.unwrap().version, 1, "the old one can be read");
    // A removed automation leaves its name to another.
    world.store.set_mode(first.id, Mode::Removed, "ann").await.unwrap();
    assert_ne!(world.automation("reports").await.id, first.id);
    assert_eq!(world.store.automations().await.unwrap().len(), 1);
    let queued = RunFilter { phase: Some(Phase::Queued), ..RunFilter::default() };
    assert_eq!(world.store.runs(&queued, 10).await.unwrap(), []);
}
