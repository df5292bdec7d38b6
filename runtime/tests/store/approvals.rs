//! A person's yes: for one effect, once, and for nothing else.

use std::time::Duration;

use futures_util::future::join_all;
use intents::approval::{Binding, LIFE_DEFAULT, Status};
use intents::canonical::Digest;
use intents::effect::{Key, State};
use intents::gate;
use intents::id::{ApprovalId, ContractId, ScriptId};
use intents::need::{Choice, Kind};
use intents::run::Phase;
use runtime::store::{
    Approval, ApprovalFilter, Because, BeginEffect, Begun, Blocked, Ground, NeedStatus, NewApproval, NewWait,
    WORKSPACE_ROOM,
};
use serde_json::json;

use super::place::Database;
use super::world::{Attempt, World, code, invoice, tool};

const HOUR: Duration = Duration::from_secs(3600);

/// An attempt whose effects all want a yes.
async fn asking(world: &World) -> Attempt {
    world.automation("reminders").await;
    another(world, "first").await
}

/// An attempt at another item of the same automation.
async fn another(world: &World, item: &str) -> Attempt {
    let automation = world.store.automation("reminders").await.unwrap();
    world.attempt(&automation, item).await.asking_always()
}

async fn wants_a_yes(attempt: &Attempt, begin: BeginEffect) -> Vec<gate::Ground> {
    let begun = attempt.store().begin_effect(begin).await.unwrap().await.unwrap();
    let Begun::Blocked(Blocked::Ask { grounds }) = begun else { panic!("it did not ask: {begun:?}") };
    grounds
}

fn question(attempt: &Attempt, binding: Binding, grounds: &[gate::Ground]) -> NewApproval {
    NewApproval {
        automation: attempt.automation,
        call: attempt.calls,
        tool: tool(),
        binding,
        grounds: grounds.iter().map(|ground| Ground { subject: ground.subject, words: ground.words.clone() }).collect(),
        envelope: None,
        life: LIFE_DEFAULT,
        title: "May it send a mail?".to_owned(),
        shown: json!({ "arguments": { "to": "ada@example.org" } }),
    }
}

/// The run sleeps on the question about an effect.
async fn asks(attempt: &Attempt, key: &Key, arguments: &str) -> Approval {
    let begin = attempt.beginning(key, arguments);
    let binding = begin.passing.binding.clone();
    let grounds = wants_a_yes(attempt, begin).await;
    attempt.sleep_on(NewWait::Approval(Box::new(question(attempt, binding, &grounds)))).await;
    let filter = ApprovalFilter { run: Some(attempt.run), ..ApprovalFilter::default() };
    attempt.store().approvals(&filter, 1).await.unwrap().remove(0)
}

async fn approve(world: &World, approval: &Approval) -> Approval {
    world.store.decide_approval(approval.id, true, None, "ann").await.unwrap()
}

/// A question about the first invoice, and the attempt that sleeps on it.
async fn asked(world: &World) -> (Approval, Attempt) {
    let attempt = asking(world).await;
    (asks(&attempt, &invoice(1), "x").await, attempt)
}

/// A yes to the first invoice, and the attempt that goes on with it.
async fn approved(world: &World) -> (Approval, Attempt) {
    let (approval, attempt) = asked(world).await;
    approve(world, &approval).await;
    (approval, attempt.next())
}

async fn status(world: &World, approval: &Approval) -> Status {
    world.store.approval(approval.id).await.unwrap().status
}

async fn phase(world: &World, attempt: &Attempt) -> Phase {
    world.store.run(attempt.run).await.unwrap().phase
}

#[tokio::test]
async fn a_yes_lets_the_effect_happen_once() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    assert_eq!((approval.status, phase(&world, &attempt).await), (Status::Pending, Phase::Waiting));
    assert_eq!(approval.asked.as_ref().unwrap().shown, json!({ "arguments": { "to": "ada@example.org" } }));
    let need = world.store.need(approval.need).await.unwrap();
    assert_eq!((need.kind, need.status), (Kind::Approve, NeedStatus::Open));

    let approval = approve(&world, &approval).await;
    assert_eq!(
        (approval.status, approval.answer, approval.decided_by.as_deref()),
        (Status::Approved, Some(true), Some("ann"))
    );
    assert_eq!(world.store.need(approval.need).await.unwrap().answer, Some(Choice::Approve));
    assert_eq!(phase(&world, &attempt).await, Phase::Queued);

    let attempt = attempt.next();
    attempt.perform(&invoice(1), "x").await;
    assert_eq!(status(&world, &approval).await, Status::Used);
    assert!(
        matches!(attempt.begin(&invoice(1), "x").await, Begun::GiveBack { .. }),
        "it happened, and is not sent again"
    );
}

#[tokio::test]
async fn the_inbox_and_the_list_of_approvals_take_the_same_answer() {
    let world = World::new().await;
    let (approval, _) = asked(&world).await;
    world.store.answer_need(approval.need, Choice::Refuse, "ann").await.unwrap();
    let approval = world.store.approval(approval.id).await.unwrap();
    assert_eq!((approval.status, approval.answer), (Status::Refused, Some(false)));
    assert!(approval.decided_at.is_some());
}

#[tokio::test]
async fn a_no_is_an_answer_for_the_script_and_stays_one() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    world.store.decide_approval(approval.id, false, Some("not this client"), "ann").await.unwrap();
    let attempt = attempt.next();
    for _ in 0..2 {
        let Begun::Blocked(Blocked::NotApproved(no)) = attempt.begin(&invoice(1), "x").await else {
            panic!("it was refused")
        };
        assert_eq!(
            (no.approval, no.because, no.reason.as_deref()),
            (approval.id, Because::Refused, Some("not this client"))
        );
    }
    // Who asks again all the same finds the answer, and nobody is bothered.
    let begin = attempt.beginning(&invoice(1), "x");
    let asked = question(&attempt, begin.passing.binding, &attempt.passed.grounds);
    attempt.sleep_on(NewWait::Approval(Box::new(asked))).await;
    assert_eq!(phase(&world, &attempt).await, Phase::Queued);
    assert_eq!(world.store.open_needs().await.unwrap(), 0);
}

#[tokio::test]
async fn a_question_that_nobody_answers_becomes_a_no() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    assert_eq!(world.store.next_wake().await.unwrap(), Some(approval.expires_at));
    world.clock.advance(LIFE_DEFAULT);
    // A yes a moment too late is none.
    assert_eq!(code(world.store.decide_approval(approval.id, true, None, "ann").await), "APPROVAL_DECIDED");
    assert_eq!(world.store.wake_due().await.unwrap(), 1);
    assert_eq!(status(&world, &approval).await, Status::Expired);
    assert_eq!(world.store.need(approval.need).await.unwrap().status, NeedStatus::Withdrawn);
    assert_eq!(phase(&world, &attempt).await, Phase::Queued);
    let Begun::Blocked(Blocked::NotApproved(no)) = attempt.next().begin(&invoice(1), "x").await else {
        panic!("it expired")
    };
    assert_eq!(no.because, Because::Expired);
    assert_eq!(code(world.store.answer_need(approval.need, Choice::Approve, "ann").await), "APPROVAL_DECIDED");
}

#[tokio::test]
async fn a_yes_that_was_not_used_in_time_is_asked_for_again() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    approve(&world, &approval).await;
    world.clock.advance(LIFE_DEFAULT);
    let attempt = attempt.next();
    // Whether or not somebody has noted yet that its time is over.
    wants_a_yes(&attempt, attempt.beginning(&invoice(1), "x")).await;
    world.store.wake_due().await.unwrap();
    assert_eq!(status(&world, &approval).await, Status::Expired);
    let again = asks(&attempt, &invoice(1), "x").await;
    assert_eq!((again.status, phase(&world, &attempt).await), (Status::Pending, Phase::Waiting));
}

#[tokio::test]
async fn a_question_that_is_put_off_keeps_what_was_left_of_its_time() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    let held = world.store.hold_approval(approval.id, 24 * HOUR, "ann").await.unwrap();
    assert_eq!((held.status, held.expires_at), (Status::Held, approval.expires_at + 24 * HOUR));
    world.clock.advance(24 * HOUR);
    world.store.wake_due().await.unwrap();
    assert_eq!((status(&world, &approval).await, phase(&world, &attempt).await), (Status::Pending, Phase::Waiting));
    world.store.hold_approval(approval.id, HOUR, "ann").await.unwrap();
    approve(&world, &approval).await;
    attempt.next().perform(&invoice(1), "x").await;
    assert_eq!(code(world.store.hold_approval(approval.id, HOUR, "ann").await), "APPROVAL_DECIDED");
}

#[tokio::test]
async fn what_provably_did_not_happen_took_nothing_of_the_yes() {
    let world = World::new().await;
    let (approval, attempt) = approved(&world).await;
    assert!(matches!(attempt.begin(&invoice(1), "x").await, Begun::Perform { .. }));
    assert_eq!(status(&world, &approval).await, Status::Used);
    // The service was busy, and says that it did nothing.
    attempt.settle(&invoice(1), State::NotApplied).await.unwrap();
    assert_eq!(status(&world, &approval).await, Status::Approved);
    attempt.perform(&invoice(1), "x").await;
    assert_eq!(status(&world, &approval).await, Status::Used);
}

#[tokio::test]
async fn a_crash_after_the_start_never_frees_a_second_use() {
    let world = World::new().await;
    let (approval, attempt) = approved(&world).await;
    assert!(matches!(attempt.begin(&invoice(1), "x").await, Begun::Perform { .. }));
    let world = world.restart().await;
    world.store.recover_runs().await.unwrap();
    let attempt = attempt.next();
    assert!(matches!(attempt.begin(&invoice(1), "x").await, Begun::Settle { .. }), "nobody knows, so nothing is sent");
    assert_eq!(status(&world, &approval).await, Status::Used);
    attempt.settle(&invoice(1), State::Uncertain).await.unwrap();
    assert_eq!(status(&world, &approval).await, Status::Used);
}

#[tokio::test]
async fn a_yes_outlives_a_restart_and_so_does_a_question() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    let world = world.restart().await;
    approve(&world, &approval).await;
    let world = world.restart().await;
    attempt.next().perform(&invoice(1), "x").await;
    assert_eq!(status(&world, &approval).await, Status::Used);
}

#[tokio::test]
async fn attack_replayed_for_another_key_or_another_run() {
    let world = World::new().await;
    let (approval, attempt) = approved(&world).await;
    wants_a_yes(&attempt, attempt.beginning(&invoice(2), "x")).await;
    let other = another(&world, "third").await;
    wants_a_yes(&other, other.beginning(&invoice(1), "x")).await;
    assert_eq!(status(&world, &approval).await, Status::Approved);
    attempt.perform(&invoice(1), "x").await;
    wants_a_yes(&attempt, attempt.beginning(&invoice(3), "x")).await;
}

/// What stands behind an effect is another than what was approved.
async fn swapped(change: impl FnOnce(&mut BeginEffect), what: &str) {
    let world = World::new().await;
    let (approval, attempt) = approved(&world).await;
    let mut begin = attempt.beginning(&invoice(1), "x");
    change(&mut begin);
    let grounds = wants_a_yes(&attempt, begin.clone()).await;
    let asked = question(&attempt, begin.passing.binding, &grounds);
    attempt.sleep_on(NewWait::Approval(Box::new(asked))).await;
    let filter = ApprovalFilter { run: Some(attempt.run), ..ApprovalFilter::default() };
    let again = world.store.approvals(&filter, 1).await.unwrap().remove(0);
    assert_ne!(again.id, approval.id, "{what}");
    assert_eq!(again.asked.unwrap().asked_again_for, [what]);
    assert_eq!(status(&world, &approval).await, Status::Void, "{what}: the old yes is for nothing any more");
}

#[tokio::test]
async fn attack_arguments_swapped_after_the_yes() {
    let change = |begin: &mut BeginEffect| begin.passing.binding.arguments = Digest::of(b"to mallory");
    swapped(change, "the arguments").await;
}

#[tokio::test]
async fn attack_file_content_swapped_after_the_yes() {
    let change = |begin: &mut BeginEffect| {
        let digest = Some(Digest::of(b"another invoice"));
        begin.passing.binding.contents =
            vec![intents::approval::Content { folder: "out".to_owned(), path: "invoice.pdf".to_owned(), digest }];
    };
    swapped(change, "the content of a file").await;
}

#[tokio::test]
async fn attack_approved_on_version_1_and_run_on_version_2() {
    let at = intents::Timestamp::from_millis(2);
    swapped(|begin| begin.passing.binding.script = ScriptId::from_parts(at, 2), "the script").await;
}

#[tokio::test]
async fn attack_contract_changed_meanwhile() {
    let at = intents::Timestamp::from_millis(2);
    swapped(|begin| begin.passing.binding.contracts.push(ContractId::from_parts(at, 2)), "the contract").await;
}

#[tokio::test]
async fn attack_tool_changed_meanwhile() {
    swapped(|begin| begin.passing.binding.definition = Digest::of(b"email.send 2"), "the tool").await;
}

#[tokio::test]
async fn attack_another_account() {
    swapped(|begin| begin.passing.binding.connection = Some("conn_other".to_owned()), "the connection").await;
}

#[tokio::test]
async fn attack_two_answers_at_once() {
    let world = World::new().await;
    let (approval, _) = asked(&world).await;
    let store = &world.store;
    let answers = [(true, "ann"), (false, "bob"), (true, "cid"), (false, "dan")];
    let answers = join_all(answers.map(|(yes, by)| store.decide_approval(approval.id, yes, None, by))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), refused.len()), (1, 3));
    let taken = taken.into_iter().next().unwrap().unwrap();
    let by = taken.decided_by.unwrap();
    for answer in refused {
        let error = answer.unwrap_err();
        assert_eq!(error.code(), "APPROVAL_DECIDED");
        assert!(error.to_string().contains(&format!("is {} by {by}", taken.status)), "{error}");
    }
    assert_eq!(code(store.answer_need(approval.need, Choice::Refuse, "eve").await), "APPROVAL_DECIDED");
}

#[tokio::test]
async fn attack_answering_for_a_run_that_has_ended() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    world.store.stop_run(attempt.run, "ann").await.unwrap();
    assert_eq!(status(&world, &approval).await, Status::Void);
    assert_eq!(world.store.need(approval.need).await.unwrap().status, NeedStatus::Withdrawn);
    assert_eq!(code(world.store.decide_approval(approval.id, true, None, "ann").await), "APPROVAL_DECIDED");
    // A yes that was given, and whose run ends before it is used.
    let attempt = another(&world, "third").await;
    let approval = asks(&attempt, &invoice(2), "x").await;
    approve(&world, &approval).await;
    attempt.next().finish().await.unwrap();
    assert_eq!(status(&world, &approval).await, Status::Void);
}

#[tokio::test]
async fn attack_forged_and_foreign_ids() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    let other = another(&world, "third").await;
    let others = asks(&other, &invoice(2), "x").await;
    assert_eq!(code(world.store.decide_approval(ApprovalId::ZERO, true, None, "ann").await), "NOT_FOUND");
    // The yes to another's question is for the other alone.
    world.store.answer_need(others.need, Choice::Approve, "ann").await.unwrap();
    assert_eq!(status(&world, &approval).await, Status::Pending);
    assert_eq!(phase(&world, &attempt).await, Phase::Waiting);
    assert_eq!(phase(&world, &other).await, Phase::Queued);
}

#[tokio::test]
async fn a_yes_can_be_taken_back_until_it_is_used() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    assert_eq!(code(world.store.take_back_approval(approval.id, "ann").await), "APPROVAL_DECIDED", "answer it with no");
    approve(&world, &approval).await;
    world.store.take_back_approval(approval.id, "ann").await.unwrap();
    let attempt = attempt.next();
    let again = asks(&attempt, &invoice(1), "x").await;
    approve(&world, &again).await;
    attempt.next().perform(&invoice(1), "x").await;
    assert_eq!(code(world.store.take_back_approval(again.id, "ann").await), "APPROVAL_DECIDED");
}

#[tokio::test]
async fn stop_ends_the_run_and_its_question() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    world.store.answer_need(approval.need, Choice::Stop, "ann").await.unwrap();
    assert_eq!(phase(&world, &attempt).await, Phase::Stopped);
    assert_eq!(status(&world, &approval).await, Status::Void);
}

#[tokio::test]
async fn the_record_tells_the_whole_story_and_none_of_its_content() {
    let world = World::new().await;
    let (approval, attempt) = asked(&world).await;
    approve(&world, &approval).await;
    attempt.next().perform(&invoice(1), "x").await;
    let events = world.store.events_after(WORKSPACE_ROOM, 0, 1000).await.unwrap();
    let kinds: Vec<_> =
        events.iter().filter(|event| event.kind.starts_with("approval.")).map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["approval.asked", "approval.approved", "approval.used"]);
    assert!(!events.iter().any(|event| event.data.to_string().contains("ada@example.org")));
    let plain = match crate::DATABASE {
        Database::Sqlite => "SELECT count(*) FROM approvals WHERE instr(body, CAST('ada@example.org' AS BLOB)) > 0",
        Database::Postgres => "SELECT count(*) FROM approvals WHERE position('ada@example.org'::bytea IN body) > 0",
    };
    assert_eq!(world.number(plain).await, 0);
}
