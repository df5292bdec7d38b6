//! Stories of schedules over a virtual clock and a real store.

use std::collections::BTreeSet;
use std::time::Duration;

use intents::need::Kind;
use serde_json::{Value, json};

use super::look::Scheduler;
use crate::health::Health;
use crate::store::{Advance, Automation, Mode};
use crate::supervisor::simulated::{World, time, until};

const DAILY: (&str, &str) = ("schedule", r#"{"schedule":"0 9 * * *","tz":"UTC"}"#);

async fn slots(world: &World, automation: &Automation) -> Vec<Value> {
    world.inputs(automation).await.into_iter().map(|input| input["slot"].clone()).collect()
}

fn scheduler(world: &World) -> Scheduler {
    Scheduler::new(&world.store, &world.env)
}

#[actix_rt::test]
async fn a_slot_fires_once_and_the_next_is_awaited() {
    let world = World::at("2026-01-01T20:00:00Z").await;
    let automation = world.automation("daily", &[DAILY], "[]").await;
    let mut scheduler = scheduler(&world);
    assert_eq!(scheduler.look().await.unwrap(), time("2026-01-01T20:01:00Z"), "nothing is slept over for long");
    assert!(slots(&world, &automation).await.is_empty());
    world.set("2026-01-02T08:59:30Z");
    assert_eq!(scheduler.look().await.unwrap(), time("2026-01-02T09:00:00Z"));
    world.set("2026-01-02T09:00:00.040Z");
    for _ in 0..3 {
        scheduler.look().await.unwrap();
    }
    let expected = json!({ "trigger": "schedule", "slot": "2026-01-02T09:00:00.000Z" });
    assert_eq!(world.inputs(&automation).await, [expected]);
    assert_eq!(world.open_needs().await, []);
}

#[actix_rt::test]
async fn after_three_days_of_downtime_the_contract_says_what_is_made_up_for() {
    let world = World::at("2026-01-01T20:00:00Z").await;
    let none = r#"{"schedule":"0 9 * * *","tz":"UTC","catch_up":"none"}"#;
    let all = r#"{"schedule":"0 9 * * *","tz":"UTC","catch_up":"all","useful_for":"2d"}"#;
    let latest = world.automation("latest", &[DAILY], "[]").await;
    let none = world.automation("none", &[("schedule", none)], "[]").await;
    let all = world.automation("all", &[("schedule", all)], "[]").await;
    world.set("2026-01-04T10:00:00Z");
    scheduler(&world).look().await.unwrap();
    let late = json!({ "trigger": "schedule", "slot": "2026-01-04T09:00:00.000Z", "late_ms": 3_600_000 });
    assert_eq!(world.inputs(&latest).await, [late]);
    assert!(world.inputs(&none).await.is_empty());
    assert_eq!(slots(&world, &all).await, ["2026-01-03T09:00:00.000Z", "2026-01-04T09:00:00.000Z"]);
    let events = world.store.events_after(crate::store::room_of(latest.id), 0, 100).await.unwrap();
    let missed: Vec<_> = events.into_iter().filter(|event| event.kind == "schedule.missed").collect();
    assert_eq!((missed.len(), &missed[0].data["missed"]), (1, &json!(2)));
}

#[actix_rt::test]
async fn the_night_of_the_clock_change_fires_each_fixed_time_once() {
    let world = World::at("2026-10-24T22:00:00Z").await;
    let rome = r#"{"schedule":"30 2 * * *","tz":"Europe/Rome"}"#;
    let automation = world.automation("rome", &[("schedule", rome)], "[]").await;
    let mut scheduler = scheduler(&world);
    // Half past two comes twice this night, at 00:30 and at 01:30 in UTC.
    for _ in 0..18 {
        world.clock.advance(Duration::from_secs(600));
        scheduler.look().await.unwrap();
    }
    assert_eq!(slots(&world, &automation).await, ["2026-10-25T00:30:00.000Z"]);
}

#[actix_rt::test]
async fn a_clock_that_goes_back_fires_nothing_twice_and_says_so() {
    let world = World::at("2026-01-02T08:00:00Z").await;
    let hourly = r#"{"schedule":"0 * * * *","tz":"UTC"}"#;
    let automation = world.automation("hourly", &[("schedule", hourly)], "[]").await;
    let mut scheduler = scheduler(&world);
    for now in ["2026-01-02T09:00:00Z", "2026-01-02T06:30:00Z"] {
        world.set(now);
        scheduler.look().await.unwrap();
    }
    let needs = world.open_needs().await;
    assert_eq!(needs.len(), 1);
    assert!(needs[0].0 == Kind::Trigger && needs[0].1.contains("clock"), "{needs:?}");
    for now in ["2026-01-02T07:00:00Z", "2026-01-02T08:00:00Z", "2026-01-02T09:00:01Z"] {
        world.set(now);
        scheduler.look().await.unwrap();
    }
    assert_eq!(slots(&world, &automation).await, ["2026-01-02T09:00:00.000Z"]);
    assert_eq!(world.open_needs().await, [], "it has caught up");
    world.set("2026-01-02T10:00:00Z");
    scheduler.look().await.unwrap();
    assert_eq!(slots(&world, &automation).await.len(), 2);
}

#[actix_rt::test]
async fn ten_thousand_due_at_once_fire_once_each_in_bounded_commits() {
    const TRIGGERS: usize = 10_000;
    let world = World::at("2026-01-01T20:00:00Z").await;
    // A contract has few triggers; here the store alone is asked to hold many.
    let bodies: Vec<_> = (0..TRIGGERS)
        .map(|second| format!(r#"{{"schedule":"{} {} 9 * * *","tz":"UTC"}}"#, second % 60, second / 60 % 60))
        .collect();
    let triggers: Vec<_> = bodies.iter().map(|body| ("schedule", body.as_str())).collect();
    let mut automations = Vec::new();
    for (number, some) in triggers.chunks(2500).enumerate() {
        automations.push(world.automation(&format!("many-{number}"), some, "[]").await);
    }
    world.set("2026-01-02T10:00:00Z");
    let (commits, _) = world.store.counts();
    scheduler(&world).look().await.unwrap();
    let (commits, before) = (world.store.counts().0, commits);
    assert!(commits - before < 250, "{} commits", commits - before);
    scheduler(&world).look().await.unwrap();
    for automation in automations {
        let slots = slots(&world, &automation).await;
        let unique: BTreeSet<_> = slots.iter().map(Value::to_string).collect();
        // Within an automation the same slot of two triggers is one item.
        assert_eq!((slots.len(), unique.len()), (2500, 2500));
    }
}

#[actix_rt::test]
async fn slots_of_a_paused_automation_pass() {
    let world = World::at("2026-01-01T20:00:00Z").await;
    let automation = world.automation("daily", &[DAILY], "[]").await;
    world.store.set_mode(automation.id, Mode::Paused, "test").await.unwrap();
    let mut scheduler = scheduler(&world);
    world.set("2026-01-03T09:00:10Z");
    scheduler.look().await.unwrap();
    world.store.set_mode(automation.id, Mode::Active, "test").await.unwrap();
    world.set("2026-01-03T10:00:00Z");
    scheduler.look().await.unwrap();
    assert!(slots(&world, &automation).await.is_empty());
    world.set("2026-01-04T09:00:00Z");
    scheduler.look().await.unwrap();
    assert_eq!(slots(&world, &automation).await, ["2026-01-04T09:00:00.000Z"]);
}

#[actix_rt::test]
async fn a_schedule_that_was_lost_is_set_going_again_and_told() {
    let world = World::at("2026-01-01T20:00:00Z").await;
    let automation = world.automation("daily", &[DAILY], "[]").await;
    let stored = world.store.triggers_of(automation.id).await.unwrap().remove(0);
    let (trigger, last_at) = (stored.id, stored.last_at);
    let lost = Advance { trigger, expected_last: last_at, deliveries: vec![], missed: None, last_at, next_at: None };
    world.store.advance_triggers(vec![lost]).await.unwrap();
    world.set("2026-01-02T10:00:00Z");
    scheduler(&world).look().await.unwrap();
    assert_eq!(
        slots(&world, &automation).await,
        ["2026-01-02T09:00:00.000Z"],
        "what it should have fired is made up for"
    );
    assert_eq!(world.open_needs().await[0].0, Kind::Trigger);
}

#[actix_rt::test]
async fn silence_is_asked_about_once_and_withdrawn_when_runs_come_again() {
    let world = World::at("2026-01-01T20:00:00Z").await;
    let expect = r#"[{"runs":{"per":"1d","at_least":1}}]"#;
    world.automation("daily", &[("manual", r#"{"manual":true}"#)], expect).await;
    let automation = world.store.automation("daily").await.unwrap();
    let mut scheduler = scheduler(&world);
    scheduler.look().await.unwrap();
    assert_eq!(world.open_needs().await, [], "it has a whole day");
    for now in ["2026-01-02T20:00:30Z", "2026-01-02T20:02:00Z", "2026-01-02T20:04:00Z"] {
        world.set(now);
        scheduler.look().await.unwrap();
    }
    let needs = world.store.needs(None, None, 10).await.unwrap();
    assert_eq!((needs.len(), needs[0].kind, needs[0].occurrences), (1, Kind::Silence, 1));
    let delivery = crate::store::Delivery {
        automation: automation.id,
        trigger: None,
        dedupe_key: "manual".to_owned(),
        input: json!({}),
        labels: Default::default(),
        useful_until: None,
        skip_if_busy: false,
    };
    world.store.deliver(delivery).await.unwrap();
    world.set("2026-01-02T20:06:00Z");
    scheduler.look().await.unwrap();
    assert_eq!(world.open_needs().await, []);
    world.set("2026-01-03T20:07:00Z");
    scheduler.look().await.unwrap();
    assert_eq!(world.open_needs().await.len(), 1);
}

#[actix_rt::test]
async fn the_loop_wakes_by_the_clock_and_by_hints() {
    let world = World::at("2026-01-01T20:00:00Z").await;
    let escalation = crate::supervisor::NeedsOfParts(world.store.clone());
    let escalation: std::sync::Arc<dyn crate::supervisor::Escalation> = std::sync::Arc::new(escalation);
    let task = super::start_scheduler(&world.store, &world.env, &Health::default(), &escalation);
    // Imported while the loop sleeps: the hint tells it.
    let soon = r#"{"schedule":"5 20 * * *","tz":"UTC"}"#;
    let automation = world.automation("soon", &[("schedule", soon)], "[]").await;
    world.set("2026-01-01T20:05:00Z");
    until("the slot fires", async || slots(&world, &automation).await.len() == 1).await;
    task.abort();
}
