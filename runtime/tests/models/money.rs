//! Money: what is shown is what was reported, and no budget is passed, however many ask at once.

use intents::amount::Amount;
use intents::id::AutomationId;
use intents::model::{Cost, Purpose, Tokens};
use runtime::models::NewProvider;
use runtime::store::{UsageBy, UsageFilter};
use serde_json::json;

use crate::endpoint::{Endpoint, says};
use crate::world::{PRICES, World, ask, code, profile};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_questions_at_once_never_go_beyond_a_small_budget() {
    let endpoint = Endpoint::answering([says("Yes.", 100, 1000)]).await;
    let world = World::with(&endpoint).await;
    let max: Amount = "0.1".parse().unwrap();
    world.set("models.budget_per_day", json!(format!("{max} USD"))).await;
    let asking: Vec<_> = (0..50)
        .map(|number| {
            let models = world.models.clone();
            tokio::spawn(async move { models.ask(ask(&format!("step-{number}"))).await })
        })
        .collect();
    let mut answered = 0;
    for asked in asking {
        match asked.await.unwrap() {
            Ok(_) => answered += 1,
            Err(error) => assert_eq!(error.code(), "MODEL_BUDGET", "{error}"),
        }
    }
    let usage = world.usage().await;
    assert!((1..50).contains(&answered), "{answered} were answered");
    assert_eq!((endpoint.calls(), usage.calls), (answered, answered as u64), "no call left without its money");
    assert!(usage.cost.plus(usage.held) <= Cost::of_amount(max), "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_zero_makes_no_call_even_of_a_free_model() {
    for name in ["models.budget_per_day", "models.budget_per_month"] {
        let endpoint = Endpoint::answering([says("Yes.", 1, 1)]).await;
        let world = World::new().await;
        let mut free = profile();
        (free.price_in, free.price_out) = (0, 0);
        world.provider("p", &endpoint, free).await;
        world.set(name, json!("0 USD")).await;
        assert_eq!(code(world.models.ask(ask("step-1")).await), "MODEL_BUDGET");
        assert_eq!(code(world.models.test("p".parse().unwrap()).await), "MODEL_BUDGET");
        assert_eq!((endpoint.calls(), world.usage().await.calls), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_an_automation_have_budgets_of_their_own() {
    let endpoint = Endpoint::answering([says("Yes.", 10, 10)]).await;
    let world = World::with(&endpoint).await;
    let mut small = ask("step-1");
    small.budget = Some("0.001".parse().unwrap());
    assert_eq!(code(world.models.ask(small).await), "MODEL_BUDGET");
    let of = |request: &str| {
        let mut ask = ask(request);
        ask.automation = Some(AutomationId::ZERO);
        ask.automation_budget = Some("0.02".parse().unwrap());
        (ask.purpose, ask.tokens_out_max) = (Purpose::Script, Some(1000));
        ask
    };
    world.models.ask(of("step-2")).await.unwrap();
    world.models.ask(of("step-3")).await.unwrap();
    let mut longer = of("step-4");
    longer.messages.push(runtime::models::Message::user("x".repeat(6000)));
    assert_eq!(code(world.models.ask(longer).await), "MODEL_BUDGET");
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_the_sum_of_what_was_reported() {
    let reported: Vec<(u64, u64)> = (1..=12).map(|number| (number * 37, number * 11 + 1)).collect();
    let endpoint = Endpoint::answering(reported.iter().map(|(sent, said)| says("Yes.", *sent, *said))).await;
    let world = World::new().await;
    let mut odd = profile();
    // Prices at which one token costs a part of a micro-dollar.
    (odd.price_in, odd.price_out) = (150_001, 599_999);
    world.provider("p", &endpoint, odd).await;
    let mut single = Cost::ZERO;
    for number in 0..reported.len() {
        single = single.plus(world.models.ask(ask(&format!("step-{number}"))).await.unwrap().call.cost);
    }
    let sum = reported.iter().fold((0, 0), |sum, (sent, said)| (sum.0 + *sent as i64, sum.1 + *said as i64));
    let exactly = sum.0 * 150_001 + sum.1 * 599_999;
    let usage = world.usage().await;
    assert_eq!((usage.cost.parts(), single.parts()), (exactly, exactly));
    assert_eq!(usage.cost.micros(), (exactly + 999_999) / 1_000_000);
    assert_eq!(usage.tokens, Tokens { input: sum.0 as u64, output: sum.1 as u64 });
    for by in [UsageBy::Day, UsageBy::Model, UsageBy::Purpose, UsageBy::Room, UsageBy::Automation] {
        let lines = world.store.model_usage(by, UsageFilter::default()).await.unwrap();
        let parts: i64 = lines.iter().map(|line| line.usage.cost.parts()).sum();
        assert_eq!(parts, exactly, "{by:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_case_of_a_call_holds_whatever_is_reported_within_its_bounds() {
    let endpoint = Endpoint::answering([says("Yes.", 10, 1000)]).await;
    let world = World::with(&endpoint).await;
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    let sent = endpoint.came()[0].body.to_string().len() as u64;
    assert!(asked.call.reserved >= PRICES.cost(Tokens { input: sent, output: 1000 }), "{asked:?}");
    assert!(asked.call.cost < asked.call.reserved);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_the_vault_and_nowhere_else() {
    let endpoint = Endpoint::answering([says("Yes.", 1, 1)]).await;
    let world = World::with(&endpoint).await;
    world.models.ask(ask("step-1")).await.unwrap();
    assert!(world.models.has_key("p"));
    let taken = NewProvider {
        name: "p".to_owned(),
        body: runtime::models::Body {
            base_url: Some(endpoint.base_url()),
            recording: None,
            requests_per_minute: None,
            profiles: vec![profile()],
        },
        key: Some(connectors::vault::Secret::new("another")),
    };
    assert_eq!(code(world.models.add(taken, "ann").await), "PROVIDER_EXISTS");
    world.models.ask(ask("step-2")).await.unwrap();
    assert!(endpoint.came()[1].head.contains(crate::world::KEY), "a name that is taken keeps its key");
    world.store.checkpoint().await.unwrap();
    let mut looked_at = 0;
    for entry in std::fs::read_dir(world.folder().join("home")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(crate::world::KEY.len()).any(|window| window == crate::world::KEY.as_bytes());
            assert!(!found, "{} holds the key", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at > 1, "there was something to look at");
    world.models.remove("p", "ann").await.unwrap();
    assert!(!world.models.has_key("p"));
    assert_eq!(code(world.models.ask(ask("step-3")).await), "MODEL_NONE");
}
