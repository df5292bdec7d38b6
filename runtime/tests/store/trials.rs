//! Proof sheets: found again by what was tried, and not kept for ever.

use intents::trial::Sheet;
use runtime::store::Tried;
use runtime::trial::SheetV1;

use super::world::{World, code};

fn tried(script: &str, cases: u32) -> Tried {
    Tried { contract_digest: "c".to_owned(), script_digest: script.to_owned(), cases_digest: cases.to_string() }
}

#[tokio::test]
async fn a_sheet_is_found_by_what_was_tried() {
    let world = World::new().await;
    let mut sheet = Sheet::default();
    sheet.counts.proven_cases = 1;
    let kept = world.store.keep_trial(tried("a", 1), SheetV1::from(&sheet)).await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.store.trial(kept.id).await.unwrap(), kept);
    assert_eq!(world.store.trial_of(&tried("a", 1)).await.unwrap(), Some(kept.clone()));
    assert_eq!(world.store.trial_of(&tried("a", 2)).await.unwrap(), None);
    assert_eq!(world.store.trial_of(&tried("b", 1)).await.unwrap(), None);
    assert_eq!(kept.sheet.verdict, "proven");
}

#[tokio::test]
async fn the_newest_sheets_of_a_script_are_kept_and_those_of_others_stay() {
    let world = World::new().await;
    let sheet = SheetV1::from(&Sheet::default());
    let other = world.store.keep_trial(tried("b", 0), sheet.clone()).await.unwrap();
    let mut kept = Vec::new();
    for cases in 0..25 {
        kept.push(world.store.keep_trial(tried("a", cases), sheet.clone()).await.unwrap().id);
    }
    for (place, id) in kept.iter().enumerate() {
        let found = world.store.trial(*id).await;
        if place < 5 {
            assert_eq!(code(found), "NOT_FOUND", "{place}");
        } else {
            assert!(found.is_ok(), "{place}");
        }
    }
    assert!(world.store.trial(other.id).await.is_ok());
}
