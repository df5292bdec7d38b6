//! A year passes in a store, in small: what it holds stays bounded, and it stays whole.

use std::time::Duration;

use intents::id::AutomationId;
use runtime::store::{Delivered, Delivery, Retention, Store};
use serde_json::json;

use super::world::{Attempt, World, delivery, invoice};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Runs of a day: a year of them is some thousand.
const RUNS_A_DAY: u32 = 8;
/// Events in a segment of the archive, in proportion.
const SEGMENT: usize = 250;

fn retention() -> Retention {
    Retention {
        payloads: 30 * DAY,
        messages: 30 * DAY,
        rates: 30 * DAY,
        events: 30 * DAY,
        runs: 60 * DAY,
        ..Retention::default()
    }
}

/// What the janitor does of a night.
async fn night(store: &Store, world: &World) {
    while store.sweep(retention()).await.unwrap().items > 0 {}
    while store.archive_segment(world.env.now() - retention().events, SEGMENT).await.unwrap().events > 0 {}
    store.checkpoint().await.unwrap();
}

async fn day(world: &World, automation: AutomationId, day: u32) {
    for number in 0..RUNS_A_DAY {
        let name = format!("{day}-{number}");
        let input = json!({ "invoice": name, "text": name.repeat(300) });
        let delivered = world.store.deliver(Delivery { input, ..delivery(automation, &name) }).await.unwrap();
        let Delivered::New { item, run } = delivered else { panic!("{name} is not new") };
        let attempt = Attempt::first(world, automation, item, run);
        if number == 0 {
            attempt.perform(&invoice(day), "x").await;
        }
        attempt.finish().await.unwrap();
    }
}

/// Bytes that the database file takes.
fn size(world: &World) -> u64 {
    std::fs::metadata(world.home().join("steward.db")).unwrap().len()
}

#[tokio::test]
async fn a_year_of_runs_leaves_a_store_that_is_bounded_and_whole() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let mut after_a_third = 0;
    for number in 0..365 {
        day(&world, automation.id, number).await;
        world.clock.advance(DAY);
        night(&world.store, &world).await;
        if number == 120 {
            after_a_third = size(&world);
        }
    }
    let runs = i64::from(RUNS_A_DAY);
    for (what, sql, most) in [
        ("inputs", "SELECT count(*) FROM runs WHERE wrapped_key IS NOT NULL", 31 * runs),
        ("runs", "SELECT count(*) FROM runs", 61 * runs),
        ("segments of journals", "SELECT count(*) FROM journal", 31 * runs),
        ("events", "SELECT count(*) FROM events", 31 * runs * 4 + SEGMENT as i64),
        ("keys in words", "SELECT count(*) FROM ledger WHERE key_text IS NOT NULL OR outcome IS NOT NULL", 31),
    ] {
        let there = world.number(sql).await;
        assert!(there <= most, "{what}: {there} are there, and {most} are enough");
    }
    assert_eq!(world.number("SELECT count(*) FROM ledger").await, 365, "what happened is known for ever");
    let (before, after) = (after_a_third, size(&world));
    println!("after 120 days {before} bytes, after 365 days {after} bytes");
    assert!(after <= before + before / 2, "the file grew from {before} to {after} bytes");
    let audit = world.store.audit(|_| {}).await.unwrap();
    assert!(audit.events > 365 * u64::from(RUNS_A_DAY) * 2 && audit.findings.is_empty(), "{audit:?}");
}
