//! Erased content is gone for good; that it was there, and what happened, stays known.

use std::path::Path;

use intents::effect::State;
use intents::need::Kind;
use runtime::store::{Begun, Erased, Erasure, NewArtifact, StateWrite};
use serde_json::json;

use super::world::{World, code, invoice, need_of, tool};

/// Whether a text is anywhere in the files of the database.
fn holds(home: &Path, text: &[u8]) -> bool {
    ["steward.db", "steward.db-wal"].iter().any(|file| {
        let bytes = std::fs::read(home.join(file)).unwrap_or_default();
        bytes.windows(text.len()).any(|window| window == text)
    })
}

#[tokio::test]
async fn an_erased_run_has_no_content_and_its_effect_still_happened() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.perform(&invoice(1), "x").await;
    attempt.fail(intents::failure::Class::Logic, vec![need_of(&attempt, Kind::Repair, "repair")]).await.unwrap();
    let key = world.text("SELECT hex(wrapped_key) FROM runs WHERE wrapped_key IS NOT NULL").await;
    let key: Vec<u8> = (0..key.len()).step_by(2).map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap()).collect();
    assert!(holds(&world.home(), &key));

    let erased = world.store.erase(Erasure::Run(attempt.run), "ann").await.unwrap();
    assert_eq!((erased.runs, erased.effects, erased.needs, erased.under_way), (1, 1, 1, 0));
    assert_eq!(code(world.store.item(attempt.item).await), "STORE_SEALED");
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records, []);
    let effect = &world.store.effects_of(attempt.run).await.unwrap()[0];
    assert_eq!((effect.state, &effect.key), (State::Applied, &None));
    let need = world.store.needs(None, None, 1).await.unwrap().remove(0);
    assert!(need.title.contains("erased"), "{}", need.title);
    assert!(!holds(&world.home(), &key), "the key is still in a file of the database");

    // A second time there is nothing left; and the effect is not done again.
    assert_eq!(world.store.erase(Erasure::Run(attempt.run), "ann").await.unwrap(), Erased::default());
    let other = world.attempt(&automation, "b").await;
    assert_eq!(other.begin(&invoice(1), "x").await, Begun::GiveBack { outcome: None, suppressed: true });
    assert_eq!(world.store.audit(|_| {}).await.unwrap().findings, []);
}

#[tokio::test]
async fn what_an_engine_has_left_goes_with_its_run() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.append().await.unwrap();
    let new = NewArtifact {
        run: attempt.run,
        attempt: 1,
        name: "report.csv".to_owned(),
        media_type: "text/csv".to_owned(),
        bytes: b"about somebody".to_vec(),
    };
    let artifact = world.store.put_artifact(new).await.unwrap();
    let files = || {
        let folders = std::fs::read_dir(world.home().join("artifacts")).unwrap();
        folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum::<usize>()
    };
    assert_eq!(files(), 1);
    attempt.finish().await.unwrap();
    let erased = world.store.erase(Erasure::Run(attempt.run), "ann").await.unwrap();
    assert_eq!((erased.runs, erased.artifacts, files()), (1, 1, 0));
    assert_eq!(world.store.artifacts_of(attempt.run).await.unwrap(), []);
    assert_eq!(code(world.store.artifact(attempt.run, artifact.id).await), "NOT_FOUND");
    assert_eq!(world.store.sweep_artifacts().await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_under_way_keeps_its_content() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.append().await.unwrap();
    let erased = world.store.erase(Erasure::Run(attempt.run), "ann").await.unwrap();
    assert_eq!(erased, Erased { under_way: 1, ..Erased::default() });
    assert!(world.store.item(attempt.item).await.is_ok());
    attempt.finish().await.unwrap();
    assert_eq!(world.store.erase(Erasure::Run(attempt.run), "ann").await.unwrap().runs, 1);
}

#[tokio::test]
async fn an_automation_forgets_everything_it_knew_and_nobody_else_does() {
    let world = World::new().await;
    let (mine, other) = (world.automation("reminders").await, world.automation("reports").await);
    let kept = world.attempt(&other, "kept").await;
    kept.finish().await.unwrap();
    for number in 0..3 {
        let attempt = world.attempt(&mine, &number.to_string()).await;
        attempt.perform(&invoice(number), "x").await;
        let write = StateWrite { name: "seen".to_owned(), value: Some(Some(json!(number))), seen: None };
        attempt.finish_with_state(vec![write]).await.unwrap();
    }
    let waiting = world.attempt(&mine, "waiting").await;
    let erased = world.store.erase(Erasure::Automation(mine.id), "ann").await.unwrap();
    assert_eq!((erased.runs, erased.effects, erased.values, erased.under_way), (3, 3, 1, 1));
    assert!(world.store.item(kept.item).await.is_ok() && world.store.item(waiting.item).await.is_ok());
    let again = world.store.erase(Erasure::Automation(mine.id), "ann").await.unwrap();
    assert_eq!(again, Erased { under_way: 1, ..Erased::default() });
}

#[tokio::test]
async fn an_effect_is_erased_by_its_key() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    for number in 0..2 {
        let attempt = world.attempt(&automation, &number.to_string()).await;
        attempt.perform(&invoice(number), "x").await;
        attempt.finish().await.unwrap();
    }
    let of = |number| Erasure::Key { automation: automation.id, tool: tool(), key: invoice(number) };
    let erased = world.store.erase(of(1), "ann").await.unwrap();
    assert_eq!((erased.runs, erased.effects), (1, 1));
    assert_eq!(code(world.store.erase(of(7), "ann").await), "NOT_FOUND");
    let left = "SELECT count(*) FROM ledger WHERE key_text IS NOT NULL";
    assert_eq!(world.number(left).await, 1);
}
