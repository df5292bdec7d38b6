//! What is too much is refused, and nothing of it is stored.

use intents::Timestamp;
use intents::journal::{LogLine, Record};
use runtime::store::RunFilter;

use super::world::{Dice, START, World, code};

/// A line of text that no compression makes shorter.
fn noise(dice: &Dice, bytes: usize) -> String {
    (0..bytes / 16).map(|_| format!("{:016x}", dice.roll())).collect()
}

#[tokio::test]
async fn a_journal_that_grows_without_end_is_refused_at_its_bound() {
    let world = World::new().await;
    let automation = world.automation("reports").await;
    let attempt = world.attempt(&automation, "a").await;
    let dice = Dice::new(1);
    let text = noise(&dice, 48 * 1024 * 1024);
    let at = Timestamp::from_millis(START);
    let record = Record::Logged(LogLine { line: 0, level: "info".to_owned(), text, at });
    let mut stored = 0;
    let refused = loop {
        let appended = world.store.append(attempt.progress_with(vec![record.clone()])).await.unwrap().await;
        match appended {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10, "64 MiB are long reached");
    };
    assert_eq!(refused.code(), "LIMIT_JOURNAL");
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records.len(), stored);
    attempt.finish().await.unwrap();
}

#[tokio::test]
async fn what_is_asked_of_nobody_is_not_found() {
    let world = World::new().await;
    let store = &world.store;
    assert_eq!(code(store.run(intents::id::RunId::ZERO).await), "NOT_FOUND");
    assert_eq!(code(store.journal(intents::id::RunId::ZERO).await), "NOT_FOUND");
    assert_eq!(code(store.item(intents::id::ItemId::ZERO).await), "NOT_FOUND");
    assert_eq!(code(store.automation("nobody").await), "NOT_FOUND");
    assert_eq!(code(store.stop_run(intents::id::RunId::ZERO, "ann").await), "NOT_FOUND");
    assert_eq!(store.runs(&RunFilter::default(), 10).await.unwrap(), []);
}
