//! The suite: each named change of a service goes its way, and nothing is done twice.

use serde_json::{Value, json};

use crate::books::{Books, allow, model, names};
use crate::support::mailbox::Mailbox;
use crate::support::place::{Place, SOON};
use crate::support::wait::until;

/// The repairs of an automation, newest first.
fn repairs(place: &Place, name: &str) -> Vec<Value> {
    place.get(&format!("/v1/repairs?automation={name}"))["items"].as_array().unwrap().clone()
}

/// Waits until the newest repair of an automation is in one of these states.
fn repair_is(place: &Place, name: &str, states: &[&str]) -> Value {
    until(&format!("the repair of `{name}` is {states:?}"), SOON, || {
        let repair = repairs(place, name).into_iter().next()?;
        let state = repair["state"].as_str().unwrap().to_owned();
        let over = ["watching", "kept", "given_up", "dropped", "rolled_back", "confirming"];
        assert!(
            states.contains(&state.as_str()) || !over.contains(&state.as_str()),
            "the repair of `{name}` is {state}: {repair:#}"
        );
        states.contains(&state.as_str()).then_some(repair)
    })
}

fn over(place: &Place, run: &str) -> Value {
    until("the run has ended or waits", SOON, || {
        let detail = place.get(&format!("/v1/runs/{run}"));
        let phase = detail["run"]["phase"].as_str().unwrap().to_owned();
        ["succeeded", "failed", "waiting"].contains(&phase.as_str()).then_some(detail)
    })
}

/// What a change led to, as it is expected or as it was.
fn check(place: &Place, post: &Mailbox, books: &Books, run: &str) -> String {
    let name = &books.name;
    let route = books.expects("route").as_str().unwrap();
    let detail = over(place, run);
    let mut code = detail["run"]["code"].as_str().unwrap_or_default().to_owned();
    let (went, how) = match route {
        "repaired" => {
            assert_eq!(detail["run"]["phase"], "failed", "{name}: {detail:#}");
            let repair = repair_is(place, name, &["watching", "kept"]);
            assert_eq!(repair["new_version"], "1.1", "{name}: {repair:#}");
            assert_eq!(&repair["kind"], books.expects("kind"), "{name}: {repair:#}");
            assert!(repair["proof"].as_str().unwrap().starts_with("proven"), "{name}: {repair:#}");
            let resumed =
                repair["runs"][0]["resumed"].as_str().unwrap_or_else(|| panic!("{name}: {repair:#}")).to_owned();
            place.run_is(&resumed, "succeeded");
            ("repaired", repair["kind"].as_str().unwrap().to_owned())
        }
        "given_up" => {
            assert_eq!(detail["run"]["phase"], "failed", "{name}: {detail:#}");
            let repair = repair_is(place, name, &["given_up"]);
            let need = place.get(&format!("/v1/needs/{}", repair["need"].as_str().unwrap()));
            assert_eq!((&need["kind"], &need["status"]), (&json!("repair"), &json!("open")), "{name}: {need:#}");
            ("given up", repair["ended"].as_str().unwrap().to_owned())
        }
        "asked" => {
            assert_eq!(detail["run"]["phase"], "waiting", "{name}: {detail:#}");
            let need = &detail["needs"][0];
            assert_eq!(&need["kind"], books.expects("kind"), "{name}: {detail:#}");
            code = need["evidence"]["failure"]["code"].as_str().unwrap_or_default().to_owned();
            // Whom nobody vouches for is told nothing.
            assert_eq!(books.asked() > 0, books.fixture.get("tls").is_none(), "{name}");
            // The person sees to it, and the run goes on where it stood.
            books.is_mended();
            let answer = format!("/v1/needs/{}/answer", need["id"].as_str().unwrap());
            assert!(place.post(&answer, &json!({ "choice": "continue" })).is_success());
            place.run_is(run, "succeeded");
            ("asked", need["kind"].as_str().unwrap().to_owned())
        }
        "fits" | "retried" => {
            let detail = place.run_is(run, "succeeded");
            let calls = place.get(&format!("/v1/runs/{run}/calls"));
            let faults: usize = calls["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["faults"].as_array().map_or(0, Vec::len))
                .sum();
            assert_eq!(faults > 0, route == "retried", "{name}: {calls:#}");
            assert_eq!(repairs(place, name), Vec::<Value>::new(), "{name}: {detail:#}");
            (if route == "fits" { "fits" } else { "retried" }, String::new())
        }
        other => panic!("{name}: `{other}` is no route"),
    };
    if let Some(expected) = books.expects("code").as_str()
        && route != "retried"
    {
        assert_eq!(code, expected, "{name}: {detail:#}");
    }
    if let Some(refused) = books.expects("refused").as_str() {
        let tried = repairs(place, name)[0]["tried"].clone();
        assert!(tried[0]["why"].to_string().contains(refused), "{name}: {tried:#}");
    }
    if let Some(words) = books.expects("notice").as_str() {
        let notices = place.get("/v1/notices")["items"].as_array().unwrap().clone();
        assert!(notices.iter().any(|notice| notice["text"].as_str().unwrap().contains(words)), "{name}: {notices:#?}");
    }
    let got = |who: &str| post.subjects_to(&format!("{who}@{name}.example")).len();
    assert_eq!((got("ann"), got("ben"), got("fay")), (1, 1, 0), "{name}: nobody gets a mail twice, nor one too early");
    let expected = books.expects("mails").as_array().map_or(0, Vec::len);
    assert_eq!(got("cleo"), expected, "{name}: the new invoice");
    assert_eq!(post.subjects_to("eve@evil.example").len(), 0, "{name}");
    let contract = place.get(&format!("/v1/automations/{name}/contract"));
    assert_eq!(contract["version"], 1, "{name}: no repair changes a contract");
    format!("{name:<28} {went:<10} {code:<18} {how}")
}

#[test]
fn each_change_of_a_service_goes_its_way_and_nothing_is_done_twice() {
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port()).trusting_the_authority();
    let _server = place.start();
    let mut books: Vec<_> = names("").iter().map(|name| Books::open("", name, name)).collect();
    books.extend(names("wrong").iter().map(|name| Books::open("wrong", name, &format!("wrong-{name}"))));
    allow(&place, &books.iter().collect::<Vec<_>>());
    for one in &books {
        one.delegate(&place);
        one.run_before(&place);
    }
    model(&place, &books.iter().flat_map(Books::answers).collect::<Vec<_>>());
    place.set("repair.budget_per_day", &json!("20 USD"));
    let mut runs = Vec::new();
    for one in &books {
        one.change();
        runs.push(place.run(&one.name, &json!({})));
    }
    for (one, run) in books.iter().zip(&runs) {
        println!("{}", check(&place, &post, one, run));
    }
    assert!(books.len() >= 35, "the suite has {} changes", books.len());
}
