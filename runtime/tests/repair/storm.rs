//! A storm: one service breaks, and fifty automations with it. It costs what the budget says, and asks once.

use serde_json::{Value, json};

use crate::books::{Books, allow, model};
use crate::support::mailbox::Mailbox;
use crate::support::place::{Place, SOON};
use crate::support::wait::until;

/// Automations that use the service.
const AUTOMATIONS: usize = 50;

fn all_repairs(place: &Place) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = "/v1/repairs?limit=100".to_owned();
    loop {
        let page = place.get(&path);
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { return all };
        path = format!("/v1/repairs?limit=100&before={next}");
    }
}

/// Brings the automations in, each with the same work under its own name, and lets each learn the service.
fn delegated(place: &Place, books: &Books) -> Vec<String> {
    let baseline = books.baseline();
    let mut contract = baseline["contract"].clone();
    contract["capabilities"].as_array_mut().unwrap().truncate(1);
    contract.as_object_mut().unwrap().remove("once");
    contract.as_object_mut().unwrap().remove("limits");
    let script = format!(
        "export default async function run({{ tools }}) {{\n  const {{ json }} = await tools.http.get({{ url: \"http://{}/api/invoices?page=1\" }});\n  return {{ sum: json.items.reduce((sum, inv) => sum + inv.amount, 0).toFixed(2) }};\n}}\n",
        books.address()
    );
    let names: Vec<_> = (0..AUTOMATIONS).map(|index| format!("sum-{index}")).collect();
    for name in &names {
        place.import(name, &contract, &script, &[]);
    }
    for _ in 0..4 {
        let runs: Vec<_> = names.iter().map(|name| place.run(name, &json!({}))).collect();
        runs.iter().for_each(|run| drop(place.run_is(run, "succeeded")));
    }
    names
}

#[test]
fn a_storm_costs_what_the_budget_says_and_ends_in_one_need() {
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let _server = place.start();
    let books = Books::open("", "renamed", "storm");
    allow(&place, &[&books]);
    let names = delegated(&place, &books);
    // The model is always wrong, and never gives up.
    let source = "export default function adapt(result) {\n  return { ...result, json: { items: [] } };\n}\n";
    let wrong = json!({
        "when": { "user_contains": "failed. Repair its script" },
        "tool_calls": [{ "name": "propose", "arguments": { "adapter": { "call": 0, "source": source }, "reason": "It is empty." } }],
        "usage": { "prompt_tokens": 30_000, "completion_tokens": 1_000 }
    });
    model(&place, &[wrong]);
    place.set("repair.budget_per_failure", &json!("0.20 USD"));
    books.change();
    let runs: Vec<_> = names.iter().map(|name| place.run(name, &json!({}))).collect();
    runs.iter().for_each(|run| drop(place.run_is(run, "failed")));
    let repairs = until("all repairs are given up", SOON, || {
        let repairs = all_repairs(&place);
        (repairs.len() == AUTOMATIONS && repairs.iter().all(|repair| repair["state"] == "given_up")).then_some(repairs)
    });
    let paid: Vec<_> = repairs.iter().filter(|repair| repair["cost"] != "0 USD").collect();
    assert_eq!(paid.len(), 2, "two of them were tried: {:#?}", paid);
    let needs = place.get("/v1/needs?limit=100");
    assert_eq!(needs["open"], 1, "{needs:#}");
    let need = &needs["items"][0];
    assert_eq!(need["kind"], "repair");
    assert!(need["title"].as_str().unwrap().contains("fail in the same way"), "{need:#}");
    assert_eq!(need["evidence"]["automations"].as_array().unwrap().len(), AUTOMATIONS, "{need:#}");
    let usage = place.get("/v1/usage");
    let cost = usage.to_string();
    println!("storm of {AUTOMATIONS}: {} model calls' worth of usage, one need: {}", paid.len(), need["title"]);
    // Each call costs 0.034 USD: of a budget of 0.20 USD five are made, and a sixth does not fit any more.
    let spent: f64 =
        paid.iter().map(|repair| repair["cost"].as_str().unwrap().replace(" USD", "").parse::<f64>().unwrap()).sum();
    assert!(spent > 0.0 && spent <= 0.40, "{spent} USD were spent: {cost}");

    // It is one incident, told once.
    let incidents = place.get("/v1/incidents")["items"].as_array().unwrap().clone();
    assert_eq!((incidents.len(), &incidents[0]["state"]), (1, &json!("open")), "{incidents:#?}");
    let told = place.get("/v1/notices")["items"].as_array().unwrap().clone();
    let told = told.iter().filter(|notice| notice["title"].as_str().unwrap().starts_with("Incident: ")).count();
    assert_eq!(told, 1);

    // One answer is for all of them: the service is as it was, and each run goes on.
    books.say(&books.baseline()["service"]);
    let answer = format!("/v1/needs/{}/answer", need["id"].as_str().unwrap());
    assert!(place.post(&answer, &json!({ "choice": "run_again" })).is_success());
    until("every run went on", SOON, || {
        all_repairs(&place).iter().all(|repair| repair["runs"][0]["resumed"].is_string()).then_some(())
    });
    for repair in all_repairs(&place) {
        place.run_is(repair["runs"][0]["resumed"].as_str().unwrap(), "succeeded");
    }
    let path = format!("/v1/incidents/{}", incidents[0]["id"].as_str().unwrap());
    let over = until("the incident is over", SOON, || Some(place.get(&path)).filter(|now| now["state"] == "closed"));
    let recovered = over["timeline"].as_array().unwrap().iter().filter(|mark| mark["what"] == "recovered").count();
    assert_eq!(recovered, AUTOMATIONS, "{over:#}");
}

#[test]
fn what_repaired_one_is_tried_on_the_others_without_asking_a_model_again() {
    let place = Place::new();
    let _server = place.start();
    let books = Books::open("", "renamed", "siblings");
    allow(&place, &[&books]);
    let names = delegated(&place, &books);
    let adapter = &books.fixture["answers"][0]["tool_calls"];
    let right = json!({
        "when": { "user_contains": "failed. Repair its script" }, "tool_calls": adapter,
        "usage": { "prompt_tokens": 5_000, "completion_tokens": 200 }
    });
    model(&place, &[right]);
    books.change();
    let names = &names[..6];
    let runs: Vec<_> = names.iter().map(|name| place.run(name, &json!({}))).collect();
    runs.iter().for_each(|run| drop(place.run_is(run, "failed")));
    let repairs = until("all of them are repaired", SOON, || {
        let repairs = all_repairs(&place);
        let live = |repair: &Value| ["watching", "kept"].contains(&repair["state"].as_str().unwrap());
        (repairs.len() == names.len() && repairs.iter().all(live)).then_some(repairs)
    });
    let paid = repairs.iter().filter(|repair| repair["cost"] != "0 USD").count();
    assert_eq!(paid, 1, "one model was asked once: {repairs:#?}");
    for repair in &repairs {
        place.run_is(repair["runs"][0]["resumed"].as_str().unwrap(), "succeeded");
    }
}
