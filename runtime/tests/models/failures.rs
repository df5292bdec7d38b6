//! Every way of not answering has a name, says what to do, and repeats no key.

use std::time::{Duration, Instant};

use connectors::egress::{Egress, EgressSettings};
use runtime::models::{Models, ProfileName};
use runtime::store::ModelCallState;
use serde_json::json;

use crate::endpoint::{Endpoint, Reply, answer, error, events, piece, says};
use crate::world::{KEY, World, ask, code, profile};

/// What an endpoint does, the code of it, and where the call then stands.
fn ways() -> Vec<(&'static str, Reply, &'static str, ModelCallState)> {
    use ModelCallState::{Failed, Unknown};
    let echo = format!("Incorrect API key provided: {KEY}");
    vec![
        ("a wrong key", error(401, "invalid_api_key", &echo), "MODEL_AUTH", Failed),
        ("a key without a right", error(403, "", &echo), "MODEL_AUTH", Failed),
        ("no such model", error(404, "model_not_found", "no model m"), "MODEL_UNKNOWN", Failed),
        ("no such model, otherwise", error(400, "model_not_found", "no model m"), "MODEL_UNKNOWN", Failed),
        ("nothing left", error(429, "insufficient_quota", "You exceeded your quota"), "MODEL_QUOTA", Failed),
        ("payment", error(402, "", "pay first"), "MODEL_QUOTA", Failed),
        ("too much", error(400, "context_length_exceeded", &echo), "MODEL_REFUSED", Failed),
        ("another place", answer(302, "location: http://127.0.0.1:1/\r\n", ""), "MODEL_REFUSED", Failed),
        ("silence", Reply::Silence, "MODEL_TIMEOUT", Unknown),
        ("silence in the middle", Reply::Then(events(&[&piece("I")])), "MODEL_TIMEOUT", Unknown),
        ("hanging up", Reply::HangUp, "MODEL_BROKEN", Unknown),
        ("broken pieces", Reply::Bytes(events(&["{\"choices\":[{"])), "MODEL_BROKEN", Unknown),
        ("a stream that stops", Reply::Bytes(events(&[&piece("I")])), "MODEL_BROKEN", Unknown),
        (
            "an error in the stream",
            Reply::Bytes(events(&[&json!({ "error": { "message": echo } }).to_string()])),
            "MODEL_BROKEN",
            Unknown,
        ),
        ("a page", answer(200, "", "<html>hello</html>"), "MODEL_BROKEN", Unknown),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_not_answering_has_its_code() {
    for (what, reply, wanted, state) in ways() {
        let endpoint = Endpoint::answering([reply]).await;
        let world = World::with(&endpoint).await;
        let failed = world.models.ask(ask("step-1")).await.unwrap_err();
        assert_eq!(failed.code(), wanted, "{what}: {failed}");
        let said = failed.to_string();
        assert!(!said.contains(KEY) && said.contains("`p/default`"), "{what}: {said}");
        let calls = world.store.model_calls_of("step-1").await.unwrap();
        let stands: Vec<_> = calls.iter().map(|call| (call.state, call.code.as_deref())).collect();
        assert_eq!(stands, [(state, Some(wanted))], "{what}");
        let usage = world.usage().await;
        assert_eq!(usage.held.micros() > 0, state == ModelCallState::Unknown, "{what}: {usage:?}");
        let again = code(world.models.ask(ask("step-1")).await);
        let asked_again = if state == ModelCallState::Unknown { "MODEL_UNANSWERED" } else { wanted };
        assert_eq!(again, asked_again, "{what}: the same request again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_at_once_and_is_no_json_is_broken() {
    for (body, wanted) in [("{\"choices\":[", "MODEL_BROKEN"), ("[]", "MODEL_BROKEN"), ("{}", "MODEL_BROKEN")] {
        let endpoint = Endpoint::answering([answer(200, "", body)]).await;
        let world = World::new().await;
        let mut profile = profile();
        profile.stream = false;
        world.provider("p", &endpoint, profile).await;
        assert_eq!(code(world.models.ask(ask("step-1")).await), wanted, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_said_so() {
    let endpoint = Endpoint::answering([]).await;
    let world = World::with(&endpoint).await;
    // A port that nobody listens on, named when the provider was added.
    let mut profile = profile();
    profile.whole_ms = Some(300);
    let body = json!({ "base_url": "http://127.0.0.1:1/v1", "profiles": [profile] });
    world.store.add_provider("nobody", body, "ann").await.unwrap();
    let mut ask = ask("step-1");
    ask.profile = Some("nobody".parse::<ProfileName>().unwrap());
    assert_eq!(code(world.models.ask(ask).await), "MODEL_UNREACHABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_endpoint_is_asked_again_when_it_says() {
    let busy = answer(429, "retry-after: 1\r\n", &json!({ "error": { "code": "rate_limit_exceeded" } }).to_string());
    let endpoint = Endpoint::answering([busy, says("Now.", 21, 7)]).await;
    let world = World::with(&endpoint).await;
    #[expect(clippy::disallowed_methods, reason = "the endpoint's own wait is what is looked at")]
    let began = Instant::now();
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "it asked to be left alone for a second");
    assert_eq!((asked.answer.text.as_str(), endpoint.calls()), ("Now.", 2));
    let usage = world.usage().await;
    assert_eq!((usage.calls, usage.cost.micros(), usage.unsettled), (2, 168, 0), "a refused call costs nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_asks_for_too_long_a_wait_is_left_for_the_next() {
    let busy = answer(429, "retry-after: 3600\r\n", "{}");
    let (busy, other) = (Endpoint::answering([busy]).await, Endpoint::answering([says("Here.", 1, 1)]).await);
    let world = World::with(&busy).await;
    world.provider("q", &other, profile()).await;
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!((asked.answer.provider.as_str(), busy.calls(), other.calls()), ("q", 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_called_no_more_often_than_was_said() {
    let endpoint = Endpoint::answering([says("Once a minute.", 1, 1)]).await;
    let world = World::new().await;
    let mut hasty = profile();
    hasty.whole_ms = Some(700);
    let body = json!({ "base_url": endpoint.base_url(), "requests_per_minute": 1, "profiles": [hasty] });
    world.store.add_provider("p", body, "ann").await.unwrap();
    world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!(code(world.models.ask(ask("step-2")).await), "MODEL_BUSY");
    assert_eq!((endpoint.calls(), world.usage().await.calls), (1, 1), "what is not sent is not paid for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_endpoint_is_tried_a_few_times() {
    let endpoint = Endpoint::answering([error(500, "", "oops"), error(503, "", "later"), says("At last.", 1, 1)]).await;
    let world = World::with(&endpoint).await;
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!((asked.answer.text.as_str(), endpoint.calls()), ("At last.", 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_is_followed_in_its_order() {
    let refuses = Endpoint::answering([error(401, "", "")]).await;
    let silent = Endpoint::answering([Reply::Silence]).await;
    let answers = Endpoint::answering([says("Me.", 21, 7)]).await;
    let world = World::new().await;
    // Added in another order than they are asked in.
    for (name, endpoint) in [("third", &answers), ("second", &silent), ("first", &refuses)] {
        world.provider(name, endpoint, profile()).await;
    }
    world.set("models.chain", json!(["first", "second/default", "third"])).await;
    let asked = world.models.ask(ask("step-1")).await.unwrap();
    assert_eq!(asked.answer.provider, "third");
    assert_eq!((refuses.calls(), silent.calls(), answers.calls()), (1, 1, 1));
    let usage = world.usage().await;
    assert_eq!((usage.calls, usage.cost.micros(), usage.unsettled), (3, 168, 1), "the silent one may have worked");
    let world = world.restart().await;
    assert!(world.models.ask(ask("step-1")).await.unwrap().repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_answers_each_is_named() {
    let (one, other) =
        (Endpoint::answering([error(401, "", "")]).await, Endpoint::answering([error(404, "", "")]).await);
    let world = World::with(&one).await;
    world.provider("q", &other, profile()).await;
    let failed = world.models.ask(ask("step-1")).await.unwrap_err();
    let said = failed.to_string();
    assert_eq!(failed.code(), "MODEL_AUTH");
    assert!(said.contains("`p/default`") && said.contains("`q/default`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_it_is_said_what_to_do() {
    let world = World::new().await;
    let none = world.models.ask(ask("step-1")).await.unwrap_err();
    assert_eq!(none.code(), "MODEL_NONE");
    assert!(none.to_string().contains("steward providers add"), "{none}");
    let mut named = ask("step-2");
    named.profile = Some("openai/large".parse().unwrap());
    assert_eq!(code(world.models.ask(named).await), "MODEL_NONE");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_provider_leads_to_a_private_address_that_nobody_granted() {
    let world = World::new().await;
    let mut profile = profile();
    profile.whole_ms = Some(300);
    for base_url in ["https://10.0.0.1/v1", "https://169.254.169.254/v1"] {
        let body = json!({ "base_url": base_url, "profiles": [profile] });
        world.store.add_provider("inside", body, "ann").await.unwrap();
        let refused = world.models.ask(ask("step-1")).await.unwrap_err();
        assert_eq!(refused.code(), "MODEL_UNREACHABLE");
        assert!(refused.to_string().contains("egress.allow_private"), "{refused}");
        world.models.remove("inside", "ann").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_ollama_is_offered_and_never_added_by_itself() {
    let tags = json!({ "models": [{ "name": "llama3.2:3b", "size": 1 }] }).to_string();
    let endpoint = Endpoint::answering([answer(200, "", &tags)]).await;
    let world = World::new().await;
    let at: url::Url = endpoint.base_url().strip_suffix("/v1").unwrap().parse().unwrap();
    let vault_home = world.folder().join("other");
    std::fs::create_dir_all(&vault_home).unwrap();
    let source = connectors::vault::MasterKeySource::key_file(&vault_home);
    let vault = std::sync::Arc::new(connectors::vault::Vault::open(&vault_home, &source).unwrap());
    let egress = std::sync::Arc::new(Egress::new(EgressSettings::default()).unwrap());
    let env = runtime::env::Env::real();
    let models = Models::open_beside(env, world.store.clone(), vault, egress, at).await.unwrap();
    let offer = models.offer().await.unwrap().expect("it answers");
    assert_eq!((offer.base_url, offer.models), (endpoint.base_url(), vec!["llama3.2:3b".to_owned()]));
    assert!(models.providers().await.unwrap().is_empty());
    world.provider("ollama", &endpoint, profile()).await;
    assert_eq!(models.offer().await.unwrap(), None, "it is there now");
}
