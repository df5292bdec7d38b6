//! Repairs, as they are kept: begun with the end of a run, live in one commit, taken back in one.

use std::time::Duration;

use intents::canonical::Digest;
use intents::failure::Class;
use intents::need::{Choice, Kind};
use intents::outcome::Failure;
use intents::repair::State;
use intents::run::Phase;
use runtime::chat::Step;
use runtime::maintainer::{Candidate, NewRepair, Repair, RepairBody};
use runtime::store::{
    AdvanceRepair, Automation, DeployRepair, Erasure, Error, Finish, GiveUp, NeedStatus, NewStep, RunFilter,
};
use serde_json::{Value, json};

use crate::world::{Attempt, World, code, need_of};

fn new(cause: &str, storm: &str) -> NewRepair {
    NewRepair {
        cause: Digest::of(cause.as_bytes()),
        storm: Digest::of(storm.as_bytes()),
        per_week: None,
        body: RepairBody {
            failure: Failure::new(Class::Logic, "ANSWER_DRIFT", "a field is gone"),
            broke: "a field is gone".to_owned(),
            evidence: json!({ "line": 7 }),
            service: Some("books.example".to_owned()),
            tried: Vec::new(),
            candidate: None,
            ended: None,
        },
    }
}

fn candidate(source: &str, differences: &[&str]) -> Candidate {
    Candidate {
        source: source.to_owned(),
        adapters: Vec::new(),
        is_adapter: false,
        reason: "It has another name.".to_owned(),
        diff: "+ b".to_owned(),
        trial: None,
        proof: "proven".to_owned(),
        differences: differences.iter().map(|text| (*text).to_owned()).collect(),
        golden: None,
        sites: Vec::new(),
    }
}

/// A place in which there is a model.
async fn world() -> World {
    let world = World::new().await;
    world.store.add_provider("local", json!({ "kind": "ollama" }), "ann").await.unwrap();
    world
}

/// A run that fails; gives its attempt.
async fn fails(world: &World, automation: &Automation, key: &str, repair: NewRepair) -> Attempt {
    let attempt = world.attempt(automation, key).await;
    let failure = Some(repair.body.failure.clone());
    let needs = vec![need_of(&attempt, Kind::Repair, &format!("repair:{key}"))];
    let end = Finish { failure, needs, repair: Some(Box::new(repair)), ..attempt.end() };
    attempt.store().finish(end).await.unwrap();
    attempt
}

async fn only(world: &World) -> Repair {
    let repairs = world.store.repairs(None, None, 10).await.unwrap();
    assert_eq!(repairs.len(), 1, "{repairs:#?}");
    repairs[0].clone()
}

/// Takes the repair up and puts a candidate forward.
async fn deploys(world: &World, repair: &Repair, candidate: Candidate) -> Result<Repair, Error> {
    let known = world.store.take_repair_up(repair.id, Some("It failed.".to_owned())).await?;
    let deploy = DeployRepair { repair: repair.id, after: known.step, steps: Vec::new(), candidate };
    world.store.deploy_repair(deploy).await
}

async fn open_needs(world: &World) -> Vec<(Kind, String)> {
    let needs = world.store.needs(Some(NeedStatus::Open), None, 100).await.unwrap();
    needs.into_iter().map(|need| (need.kind, need.title)).collect()
}

#[tokio::test]
async fn a_failure_is_repaired_rather_than_asked_about_and_the_same_one_waits_for_the_one_repair() {
    let world = world().await;
    let automation = world.automation("books").await;
    fails(&world, &automation, "a", new("field", "books")).await;
    fails(&world, &automation, "b", new("field", "books")).await;
    let repair = only(&world).await;
    assert_eq!((repair.state, world.store.runs_of_repair(repair.id).await.unwrap().len()), (State::Queued, 2));
    assert_eq!(open_needs(&world).await, []);
    fails(&world, &automation, "c", new("another", "books")).await;
    let asked = open_needs(&world).await;
    assert_eq!(asked.len(), 1, "another failure meanwhile is asked about: {asked:?}");
}

#[tokio::test]
async fn without_a_model_a_person_is_asked_and_told_why() {
    let world = World::new().await;
    let automation = world.automation("books").await;
    fails(&world, &automation, "a", new("field", "books")).await;
    let needs = world.store.needs(Some(NeedStatus::Open), None, 10).await.unwrap();
    assert!(needs[0].evidence["not_repaired"].as_str().unwrap().contains("no model"), "{needs:?}");
    // A model is there by now, and the person says so.
    world.store.add_provider("local", json!({ "kind": "ollama" }), "ann").await.unwrap();
    world.store.answer_need(needs[0].id, Choice::Repair, "ann").await.unwrap();
    assert_eq!(only(&world).await.state, State::Queued);
}

#[tokio::test]
async fn what_goes_live_goes_live_once_and_what_waited_goes_on_once() {
    let world = world().await;
    let automation = world.automation("books").await;
    let failed = fails(&world, &automation, "a", new("field", "books")).await;
    let repair = only(&world).await;
    let live =
        deploys(&world, &repair, candidate("export default async function run() { return 1; }", &[])).await.unwrap();
    assert_eq!(live.state, State::Watching);
    let again = DeployRepair {
        repair: repair.id,
        after: live.step,
        steps: Vec::new(),
        candidate: candidate("export default async function run() { return 2; }", &[]),
    };
    assert_eq!(code(world.store.deploy_repair(again).await), "REPAIR_MOVED");
    let stale = AdvanceRepair { repair: repair.id, after: 0, steps: Vec::new(), tried: None };
    assert_eq!(code(world.store.advance_repair(stale).await), "REPAIR_MOVED");
    let now = world.store.automation("books").await.unwrap();
    assert_eq!((Some(now.script), now.contract), (live.new_script, automation.contract));
    let script = world.store.script(now.script).await.unwrap();
    assert_eq!((script.major, script.minor), (1, 1));
    let filter = RunFilter { automation: Some(automation.id), ..RunFilter::default() };
    let runs = world.store.runs(&filter, 10).await.unwrap();
    assert_eq!(runs.len(), 2);
    let resumed = &runs[0];
    assert_eq!((resumed.phase, resumed.item, resumed.script), (Phase::Queued, failed.item, now.script));
    assert_eq!(world.store.resumed_from(resumed).await.unwrap(), Some(failed.run));
    let lines = world.store.notices(10).await.unwrap();
    assert_eq!(lines.iter().filter(|notice| notice.title.contains("repaired as version 1.1")).count(), 1);
}

#[tokio::test]
async fn a_person_takes_it_back_once_and_it_is_not_made_again_by_itself() {
    let world = world().await;
    let automation = world.automation("books").await;
    fails(&world, &automation, "a", new("field", "books")).await;
    let repair = only(&world).await;
    deploys(&world, &repair, candidate("export default async function run() { return 1; }", &[])).await.unwrap();
    let undone = world.store.undo_repair(repair.id, "ann").await.unwrap();
    assert_eq!(
        (undone.state, world.store.automation("books").await.unwrap().script),
        (State::Undone, automation.script)
    );
    assert_eq!(code(world.store.undo_repair(repair.id, "ann").await), "REPAIR_NOT_LIVE");
    world.clock.advance(Duration::from_secs(3 * 3600));
    fails(&world, &automation, "b", new("other", "books")).await;
    assert_eq!(open_needs(&world).await.len(), 1);
}

#[tokio::test]
async fn a_difference_waits_for_its_yes_and_the_yes_counts_once() {
    for choice in [Choice::Approve, Choice::Refuse] {
        let world = world().await;
        let automation = world.automation("books").await;
        fails(&world, &automation, "a", new("field", "books")).await;
        let repair = only(&world).await;
        let source = "export default async function run() { return 1; }";
        let asked = deploys(&world, &repair, candidate(source, &["one mail more"])).await.unwrap();
        assert_eq!(asked.state, State::Confirming);
        assert_eq!(world.store.automation("books").await.unwrap().script, automation.script);
        let need = asked.need.unwrap();
        world.store.answer_need(need, choice, "ann").await.unwrap();
        assert_eq!(code(world.store.answer_need(need, Choice::Approve, "bob").await), "NEED_ANSWERED");
        let yes = choice == Choice::Approve;
        let expected = if yes { State::Watching } else { State::Working };
        assert_eq!(only(&world).await.state, expected);
        assert_eq!(world.store.automation("books").await.unwrap().script == automation.script, !yes);
    }
}

#[tokio::test]
async fn a_storm_is_given_up_in_one_need_that_names_all_and_one_answer_is_for_all() {
    let world = world().await;
    let mut failed = Vec::new();
    for index in 0..5 {
        let automation = world.automation(&format!("books-{index}")).await;
        failed.push(fails(&world, &automation, "a", new("field", "books")).await);
    }
    let repairs: Vec<_> =
        world.store.repairs(None, None, 10).await.unwrap().into_iter().map(|repair| repair.id).collect();
    let one = GiveUp { repairs: vec![repairs[0]], why: "no proposal holds".to_owned(), steps: Vec::new() };
    world.store.give_repairs_up(one).await.unwrap();
    let rest = GiveUp { repairs: repairs.clone(), why: "the first one".to_owned(), steps: Vec::new() };
    world.store.give_repairs_up(rest).await.unwrap();
    let asked = open_needs(&world).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    let need = &world.store.needs(Some(NeedStatus::Open), None, 10).await.unwrap()[0];
    assert_eq!(need.evidence["automations"].as_array().unwrap().len(), 5, "{need:#?}");
    let incidents = world.store.incidents(None, 10).await.unwrap();
    assert_eq!((incidents.len(), incidents[0].timeline.len()), (1, 5), "{incidents:#?}");
    world.store.answer_need(need.id, Choice::RunAgain, "ann").await.unwrap();
    for attempt in &failed {
        let filter = RunFilter { automation: Some(attempt.automation), ..RunFilter::default() };
        let runs = world.store.runs(&filter, 10).await.unwrap();
        assert_eq!((runs.len(), runs[0].phase, runs[0].item), (2, Phase::Queued, attempt.item));
        assert_eq!(world.store.resumed_from(&runs[0]).await.unwrap(), None, "nothing was repaired: all is read anew");
    }
}

#[tokio::test]
async fn what_an_erased_run_held_is_in_no_repair_any_more() {
    let world = world().await;
    let automation = world.automation("books").await;
    let failed = fails(&world, &automation, "a", new("field", "books")).await;
    let repair = only(&world).await;
    let known = world.store.take_repair_up(repair.id, Some("Ann Lee owes 120.50".to_owned())).await.unwrap();
    let step = Step::Host { text: "Ann Lee again".to_owned() };
    let advance = AdvanceRepair { repair: repair.id, after: known.step, steps: vec![NewStep::free(step)], tried: None };
    world.store.advance_repair(advance).await.unwrap();
    world.store.erase(Erasure::Run(failed.run), "ann").await.unwrap();
    assert_eq!(world.store.repair_steps(repair.id).await.unwrap(), []);
    let body = world.store.repair(repair.id).await.unwrap().body;
    assert_eq!((body.evidence, body.broke.as_str()), (Value::Null, "(erased)"));
}
