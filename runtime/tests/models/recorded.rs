//! Recorded answers: the same interface, and it is always said that they are recorded.

use intents::model::{Prices, Tokens};
use runtime::models::{Arguments, Body, Delta, NewProvider, Profile};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::world::{World, ask, code};

async fn recording(answers: Value) -> World {
    let world = World::new().await;
    let file = world.folder().join("answers.json");
    std::fs::write(&file, json!({ "version": 1, "answers": answers }).to_string()).unwrap();
    let body = Body {
        base_url: None,
        recording: Some(file.display().to_string()),
        requests_per_minute: None,
        profiles: vec![Profile::new("recorded", Prices { input: 1_000_000, output: 2_000_000 })],
    };
    world.models.add(NewProvider { name: "demo".to_owned(), body, key: None }, "ann").await.unwrap();
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_played_in_its_order_over_restarts() {
    let world = recording(json!([
        { "content": "One, and it is long enough for pieces.", "usage": { "prompt_tokens": 10, "completion_tokens": 3 } },
        { "tool_calls": [{ "name": "look", "arguments": { "at": 1 } }] },
        { "content": "Three." },
    ]))
    .await;
    let (listener, mut heard) = mpsc::channel(100);
    let one = world.models.ask_aloud(ask("1"), Some(listener), None).await.unwrap();
    assert!(one.answer.recorded);
    assert_eq!((one.call.tokens, one.call.cost.micros()), (Some(Tokens { input: 10, output: 3 }), 16));
    let mut text = String::new();
    let mut pieces = 0;
    while let Some(delta) = heard.recv().await {
        match delta {
            Delta::Text(piece) => text.push_str(&piece),
            Delta::Call { .. } | Delta::Restart => panic!("it is a text: {delta:?}"),
        }
        pieces += 1;
    }
    assert_eq!((text.as_str(), pieces), ("One, and it is long enough for pieces.", 2));
    let world = world.restart().await;
    let two = world.models.ask(ask("2")).await.unwrap().answer;
    assert_eq!(two.calls[0].arguments, Arguments::Json(json!({ "at": 1 })));
    assert!(!two.calls[0].offered);
    assert_eq!(world.models.ask(ask("1")).await.unwrap().answer.text, text, "the same request, the same answer");
    assert_eq!(world.models.ask(ask("3")).await.unwrap().answer.text, "Three.");
    assert_eq!(code(world.models.ask(ask("4")).await), "MODEL_RECORDING");
    assert_eq!(world.usage().await.calls, 3, "what has no answer is no call");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_at_once_get_different_answers() {
    let world = recording((0..20).map(|number| json!({ "content": number.to_string() })).collect()).await;
    let asking: Vec<_> = (0..20)
        .map(|number| {
            let models = world.models.clone();
            tokio::spawn(async move { models.ask(ask(&number.to_string())).await.unwrap().answer.text })
        })
        .collect();
    let mut texts = std::collections::BTreeSet::new();
    for asked in asking {
        texts.insert(asked.await.unwrap());
    }
    assert_eq!(texts.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_none_is_refused() {
    let world = World::new().await;
    let file = world.folder().join("answers.json");
    let add = |recording: String| {
        let profiles = vec![Profile::new("recorded", Prices::FREE)];
        let body = Body { base_url: None, recording: Some(recording), requests_per_minute: None, profiles };
        world.models.add(NewProvider { name: "demo".to_owned(), body, key: None }, "ann")
    };
    assert_eq!(code(add(file.display().to_string()).await), "MODEL_RECORDING");
    for body in ["", "[]", "{\"version\":2,\"answers\":[]}", "{\"version\":1,\"answers\":[{\"contents\":\"x\"}]}"] {
        std::fs::write(&file, body).unwrap();
        assert_eq!(code(add(file.display().to_string()).await), "MODEL_RECORDING", "{body}");
    }
    assert_eq!(code(add("answers.json".to_owned()).await), "PROVIDER_UNFIT");
}
