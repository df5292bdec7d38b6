//! A run costs a bounded number of commits and of multi-row statements.

use futures_util::future::join_all;
use intents::effect::State;
use runtime::store::{Begun, Delivered};

use super::world::{Attempt, World, delivery, invoice};

/// Commits of a run with one effect: its delivery, the start of the effect, its outcome, and the end.
const COMMITS_PER_RUN_MAX: u64 = 4;
/// A commit of one run writes two tables: the run and its events, or its journal and the ledger.
const STATEMENTS_PER_COMMIT_MAX: u64 = 2;
/// Runs that share a commit are at different places: it makes runs, writes runs, and adds to journals, ledger and events.
const STATEMENTS_PER_SHARED_COMMIT_MAX: u64 = 5;

async fn one_run(world: &World, automation: intents::id::AutomationId, name: &str) {
    let delivered = world.store.deliver(delivery(automation, name)).await.unwrap();
    let Delivered::New { item, run } = delivered else { panic!("{delivered:?}") };
    let attempt = Attempt::first(world, automation, item, run);
    assert!(matches!(attempt.begin(&invoice(name), "x").await, Begun::Perform { .. }));
    attempt.settle(&invoice(name), State::Applied).await.unwrap();
    attempt.finish().await.unwrap();
}

#[tokio::test]
async fn a_run_with_one_effect_costs_four_commits_and_a_crowd_shares_them() {
    let world = World::new().await;
    let automation = world.automation("reminders").await.id;
    let (commits, statements) = world.store.counts();
    one_run(&world, automation, "alone").await;
    let (commits_after, statements_after) = world.store.counts();
    let (commits, statements) = (commits_after - commits, statements_after - statements);
    eprintln!("one run alone: {commits} commits, {statements} multi-row statements");
    assert!(commits <= COMMITS_PER_RUN_MAX, "{commits}");
    assert!(statements <= commits * STATEMENTS_PER_COMMIT_MAX, "{statements}");

    const CROWD: u64 = 100;
    let names: Vec<_> = (0..CROWD).map(|number| number.to_string()).collect();
    join_all(names.iter().map(|name| one_run(&world, automation, name))).await;
    let (commits, statements) = world.store.counts();
    let (commits, statements) = (commits - commits_after, statements - statements_after);
    eprintln!("{CROWD} runs at once: {commits} commits, {statements} multi-row statements");
    assert!(commits <= 2 * COMMITS_PER_RUN_MAX, "they go in step and share: {commits}");
    assert!(statements <= commits * STATEMENTS_PER_SHARED_COMMIT_MAX, "{statements}");
}
