//! Changes share a commit without sharing a fate.

use futures_util::future::join_all;
use intents::id::AutomationId;
use runtime::store::{Delivered, RunFilter};

use super::world::{Dice, World, code, delivery, seeds};

#[tokio::test]
async fn of_256_changes_in_one_commit_the_one_that_fails_fails_alone() {
    for seed in seeds(4) {
        let world = World::seeded(seed).await;
        let automation = world.automation("reminders").await;
        let bad = Dice::new(seed).below(256);
        let deliveries = (0..256).map(|number| {
            let to = if number == bad { AutomationId::ZERO } else { automation.id };
            world.store.deliver(delivery(to, &number.to_string()))
        });
        for (number, delivered) in join_all(deliveries).await.into_iter().enumerate() {
            if number == bad {
                assert_eq!(code(delivered), "NOT_FOUND");
            } else {
                assert!(matches!(delivered, Ok(Delivered::New { .. })), "SEED={seed}: {number}");
            }
        }
        assert_eq!(world.store.runs(&RunFilter::default(), 1000).await.unwrap().len(), 255);
        world.store.anchor().await.unwrap();
        let audit = world.store.audit(|_| {}).await.unwrap();
        assert_eq!((audit.events, audit.findings), (256, vec![]), "each change has its events once");
    }
}

#[tokio::test]
async fn changes_are_applied_in_the_order_in_which_they_were_handed_in() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    let mut tickets = Vec::new();
    let mut calling = attempt.clone();
    for call in 0..300 {
        calling.calls = call;
        tickets.push(world.store.append(calling.progress()).await.unwrap());
    }
    attempt.finish().await.unwrap();
    let after_the_end = world.store.append(calling.progress()).await.unwrap();
    for ticket in tickets {
        ticket.await.unwrap();
    }
    assert_eq!(code(after_the_end.await), "RUN_TRANSITION");
    let records = world.store.journal(attempt.run).await.unwrap().records;
    let lines: Vec<_> = records
        .iter()
        .map(|record| match record {
            intents::journal::Record::Logged(line) => line.line,
            other @ (intents::journal::Record::Began { .. }
            | intents::journal::Record::Called(_)
            | intents::journal::Record::Settled { .. }
            | intents::journal::Record::Faulted { .. }
            | intents::journal::Record::Reread { .. }
            | intents::journal::Record::StateRead { .. }
            | intents::journal::Record::Outside(_)
            | intents::journal::Record::Ended { .. }) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lines, (0..300).chain([0]).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_change_stands_though_nobody_waits_for_its_answer() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    drop(world.store.append(attempt.progress()).await.unwrap());
    attempt.append().await.unwrap();
    assert_eq!(world.store.journal(attempt.run).await.unwrap().records.len(), 2);
}
