//! Answers: streamed or whole, stored before they are seen, and given again without a call.

use runtime::models::{Arguments, Delta, Finish, ToolOffer};
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::endpoint::{Endpoint, Reply, answer, end, events, piece, says, usage};
use crate::world::{KEY, World, ask, code, profile};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_piece_by_piece_and_costs_what_was_reported() {
    let endpoint = Endpoint::answering([says("I am a model.", 21, 7)]).await;
    let world = World::with(&endpoint).await;
    let (listener, mut heard) = mpsc::channel(100);
    let asked = world.models.ask_aloud(ask("step-1"), Some(listener), None).await.unwrap();
    assert_eq!((asked.answer.text.as_str(), asked.answer.finish), ("I am a model.", Finish::Stop));
    assert_eq!((asked.answer.model.as_str(), asked.answer.recorded, asked.repeated), ("m-1", false, false));
    assert_eq!(asked.call.cost.micros(), 21 * 3 + 7 * 15);
    let mut pieces = Vec::new();
    while let Some(delta) = heard.recv().await {
        pieces.push(delta);
    }
    assert_eq!(pieces, [Delta::Text("I am a".into()), Delta::Text(" model.".into())]);
    let came = &endpoint.came()[0];
    assert!(came.head.starts_with("post /v1/chat/completions "), "{}", came.head);
    assert!(came.head.contains(&format!("authorization: bearer {KEY}")), "{}", came.head);
    assert_eq!((&came.body["model"], &came.body["stream_options"]["include_usage"]), (&json!("m"), &json!(true)));
    let usage = world.usage().await;
    assert_eq!((usage.calls, usage.cost.micros(), usage.unsettled), (1, 168, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_at_once_is_the_same() {
    let whole = json!({
        "model": "m-1", "usage": { "prompt_tokens": 21, "completion_tokens": 7 },
        "choices": [{ "message": { "role": "assistant", "content": "I am a model." }, "finish_reason": "stop" }]
    });
    let endpoint = Endpoint::answering([answer(200, "", &whole.to_string())]).await;
    let world = World::new().await;
    let mut profile = profile();
    profile.stream = false;
    world.provider("p", &endpoint, profile).await;
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!((asked.answer.text.as_str(), asked.call.cost.micros()), ("I am a model.", 168));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_answered_after_a_restart_without_a_call() {
    let endpoint = Endpoint::answering([says("Only once.", 21, 7)]).await;
    let world = World::with(&endpoint).await;
    let first = world.models.ask(ask("step-1")).await.unwrap();
    let world = world.restart().await;
    let again = world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!((again.answer, again.call, again.repeated), (first.answer, first.call, true));
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_away_finds_the_answer_later() {
    let endpoint = Endpoint::answering([says("Still here.", 21, 7)]).await;
    let world = World::with(&endpoint).await;
    let asking = tokio::spawn({
        let models = world.models.clone();
        async move { models.ask(ask("step-1")).await }
    });
    endpoint.has_got(1).await;
    asking.abort();
    let answer = loop {
        match world.models.ask(ask("step-1")).await {
            Ok(asked) => break asked.answer,
            Err(error) => assert_eq!(error.code(), "MODEL_UNDER_WAY", "{error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((answer.text.as_str(), endpoint.calls()), ("Still here.", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_stopped_in_the_middle_and_counts_as_paid() {
    let endpoint = Endpoint::answering([Reply::Then(events(&[&piece("Well, ")]))]).await;
    let world = World::with(&endpoint).await;
    let (stop, stopped) = watch::channel(false);
    let (listener, mut heard) = mpsc::channel(100);
    let asking = tokio::spawn({
        let models = world.models.clone();
        async move { models.ask_aloud(ask("step-1"), Some(listener), Some(stopped)).await }
    });
    assert_eq!(heard.recv().await, Some(Delta::Text("Well, ".into())));
    stop.send_replace(true);
    assert_eq!(code(asking.await.unwrap()), "MODEL_STOPPED");
    assert_eq!(code(world.models.ask(ask("step-1")).await), "MODEL_UNANSWERED");
    let usage = world.usage().await;
    assert!(usage.unsettled == 1 && usage.held.micros() >= 15 * 1000, "{usage:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_were_not_offered_are_named_and_bad_arguments_are_kept_as_text() {
    let call = |index: u64, name: &str, arguments: &str| {
        json!({ "choices": [{ "delta": { "tool_calls": [{ "index": index, "id": format!("c{index}"),
            "function": { "name": name, "arguments": arguments } }] } }] })
        .to_string()
    };
    let stream = [
        call(0, "look", "{\"at\":1}"),
        call(1, "transfer_money", "{\"all\":true}"),
        call(2, "look", "{\"at\":"),
        end("tool_calls"),
        usage(5, 5),
    ];
    let stream: Vec<_> = stream.iter().map(String::as_str).chain(["[DONE]"]).collect();
    let endpoint = Endpoint::answering([Reply::Bytes(events(&stream))]).await;
    let world = World::with(&endpoint).await;
    let mut ask = ask("step-1");
    ask.tools = vec![ToolOffer { name: "look".into(), description: "Looks.".into(), parameters: json!({}) }];
    let answer = world.models.ask(ask).await.unwrap().answer;
    assert_eq!(answer.finish, Finish::Calls);
    let calls: Vec<_> = answer.calls.iter().map(|call| (call.name.as_str(), call.offered, &call.arguments)).collect();
    let (one, all) = (Arguments::Json(json!({ "at": 1 })), Arguments::Json(json!({ "all": true })));
    let broken = Arguments::Broken("{\"at\":".to_owned());
    assert_eq!(calls, [("look", true, &one), ("transfer_money", false, &all), ("look", true, &broken)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_reports_nothing_costs_the_most_that_it_could() {
    let silent = events(&[&piece("Free?"), &end("stop"), "[DONE]"]);
    let endpoint = Endpoint::answering([Reply::Bytes(silent)]).await;
    let world = World::with(&endpoint).await;
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!((asked.call.tokens, asked.call.cost), (None, asked.call.reserved));
    let usage = world.usage().await;
    assert_eq!((usage.cost.micros(), usage.held, usage.unsettled), (0, asked.call.reserved, 1));
}
