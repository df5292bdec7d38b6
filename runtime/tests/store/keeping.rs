//! The small things that are kept: settings, answers to requests, notices.

use futures_util::future::join_all;
use runtime::store::{AnsweredRequest, NewNotice, WORKSPACE_ROOM};
use serde_json::json;

use super::place::Database;
use super::world::{World, code};

#[tokio::test]
async fn a_setting_is_what_was_set_last() {
    let world = World::new().await;
    let store = &world.store;
    store.set_setting("folders.statements", json!("/in"), "ann").await.unwrap();
    store.set_setting("folders.statements", json!({ "path": "/in2" }), "ann").await.unwrap();
    store.set_setting("a", json!(1), "bob").await.unwrap();
    let world = world.restart().await;
    let settings = world.store.settings().await.unwrap();
    let names: Vec<_> = settings.iter().map(|setting| setting.name.as_str()).collect();
    assert_eq!((names, &settings[1].value), (vec!["a", "folders.statements"], &json!({ "path": "/in2" })));
    world.store.remove_setting("a", "ann").await.unwrap();
    assert_eq!(code(world.store.remove_setting("a", "ann").await), "NOT_FOUND");
    let events = world.store.events_after(WORKSPACE_ROOM, 0, 10).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| (event.kind.as_str(), event.actor.as_str())).collect();
    let changed = "setting.changed";
    assert_eq!(told, [(changed, "ann"), (changed, "ann"), (changed, "bob"), ("setting.removed", "ann")]);
    assert!(events.iter().all(|event| !event.data.to_string().contains("/in")), "events hold no values");
}

#[tokio::test]
async fn the_first_answer_to_a_request_is_the_one_that_is_given_again() {
    let world = World::new().await;
    let answer = |status| AnsweredRequest { digest: "d".to_owned(), status, body: vec![0, 159, 146, 150] };
    let given = [201, 409, 500].map(|status| world.store.remember_request("POST /v1/runs k1", answer(status)));
    for given in join_all(given).await {
        given.unwrap();
    }
    let world = world.restart().await;
    assert_eq!(world.store.answered_request("POST /v1/runs k1").await.unwrap(), Some(answer(201)));
    assert_eq!(world.store.answered_request("POST /v1/runs k2").await.unwrap(), None);
}

#[tokio::test]
async fn a_notice_is_stored_with_the_call_that_gives_it() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let attempt = world.attempt(&automation, "a").await;
    let notice = || NewNotice {
        message: crate::world::message(),
        progress: attempt.progress(),
        automation: automation.id,
        level: "warn".to_owned(),
        title: "Two rows".to_owned(),
        text: "did not add up".to_owned(),
        labels: Default::default(),
    };
    world.store.notify(notice()).await.unwrap().await.unwrap();
    let notices = world.store.notices(10).await.unwrap();
    assert_eq!((notices.len(), notices[0].run, notices[0].text.as_str()), (1, Some(attempt.run), "did not add up"));
    assert_eq!(world.store.run(attempt.run).await.unwrap().effects, 1);
    let readable = match crate::DATABASE {
        Database::Sqlite => "SELECT count(*) FROM notices WHERE instr(body, 'add up') > 0",
        Database::Postgres => "SELECT count(*) FROM notices WHERE position('add up'::bytea IN body) > 0",
    };
    assert_eq!(world.number(readable).await, 0, "sealed");
    world.store.stop_run(attempt.run, "ann").await.unwrap();
    assert_eq!(code(world.store.notify(notice()).await.unwrap().await), "RUN_TRANSITION");
}

#[tokio::test]
async fn nothing_that_a_script_read_or_wrote_is_readable_in_the_files() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let secret = "Bob Bauer owes 1,234.56";
    let delivery =
        runtime::store::Delivery { input: json!({ "text": secret }), ..super::world::delivery(automation.id, "a") };
    let delivered = world.store.deliver(delivery).await.unwrap();
    let runtime::store::Delivered::New { item, run } = delivered else { panic!("{delivered:?}") };
    let attempt = super::world::Attempt::first(&world, automation.id, item, run);
    attempt.perform(&super::world::invoice(secret), secret).await;
    let state = runtime::store::StateWrite { name: "last".to_owned(), value: Some(Some(json!(secret))), seen: None };
    attempt.finish_with_state(vec![state]).await.unwrap();
    world.store.anchor().await.unwrap();
    let world = world
        .restart_after(async |place: &super::place::Place| {
            for entry in std::fs::read_dir(place.home()).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(9).any(|window| window == b"Bob Bauer");
                assert!(!found, "{} tells who owes what", path.display());
            }
        })
        .await;
    assert_eq!(world.store.item(item).await.unwrap().input["text"], json!(secret));
}
