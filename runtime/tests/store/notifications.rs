//! Needs that wait, are put off and run out; links that answer once; notifications that leave once, whenever the server
//! dies.

use std::time::Duration;

use futures_util::future::join_all;
use intents::failure::Class;
use intents::id::NeedId;
use intents::need::{Choice, DeadLink, Kind, LIFE, LINK_LIFE, Priority};
use intents::notify::{After, Channel, Kind as What, State};
use intents::run::Phase;
use runtime::store::{
    About, Leaving, NeedStatus, NewNeed, NewNotification, NewWait, Notification, Retention, Together, WORKSPACE_ROOM,
};
use serde_json::json;

use super::place::Database;
use super::world::{Attempt, World, code, need_of};

const HOUR: Duration = Duration::from_secs(3600);

/// A need of its own of some kind, of a run that failed.
async fn need(world: &World, kind: Kind, key: &str) -> NeedId {
    let automation = world.store.automation("reminders").await;
    let automation = match automation {
        Ok(automation) => automation,
        Err(_) => world.automation("reminders").await,
    };
    let attempt = world.attempt(&automation, key).await;
    world.store.open_need(NewNeed { evidence: json!({ "failure": {} }), ..need_of(&attempt, kind, key) }).await.unwrap()
}

/// A run that sleeps on a need.
async fn asleep(world: &World, kind: Kind) -> (Attempt, NeedId) {
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.sleep_on(NewWait::Need(Box::new(need_of(&attempt, kind, "a")))).await;
    let need = world.store.inbox(false, None, 1).await.unwrap().remove(0).id;
    (attempt, need)
}

async fn listed(world: &World) -> Vec<NeedId> {
    world.store.inbox(false, None, 10).await.unwrap().into_iter().map(|need| need.id).collect()
}

async fn news(world: &World, needs: &[NeedId]) -> Option<Notification> {
    let about = About { needs: needs.to_vec(), ..About::default() };
    let new = NewNotification { kind: What::News, channel: Channel::Mail, about };
    match world.store.plan_notification(new).await.unwrap() {
        Some(id) => Some(world.store.notification(id).await.unwrap()),
        None => None,
    }
}

/// The links of a need, as they leave in a mail.
async fn linked(world: &World, need: NeedId) -> (Leaving, Vec<(Choice, String)>) {
    let planned = news(world, &[need]).await.expect("nobody was told yet");
    let leaving = world.store.begin_notification(planned.id).await.unwrap().expect("it is to leave");
    let links = leaving.needs[0].1.iter().map(|link| (link.choice, link.token.clone())).collect();
    (leaving, links)
}

fn token(links: &[(Choice, String)], choice: Choice) -> &str {
    &links.iter().find(|(offered, _)| *offered == choice).expect("it is offered").1
}

#[tokio::test]
async fn what_matters_most_comes_first_and_of_that_the_oldest() {
    let world = World::new().await;
    let limit = need(&world, Kind::Limit, "1").await;
    let repair = need(&world, Kind::Repair, "2").await;
    let settle = need(&world, Kind::Settle, "3").await;
    let later = need(&world, Kind::Repair, "4").await;
    assert_eq!(listed(&world).await, [settle, repair, later, limit]);
    let second = world.store.inbox(false, Some(repair), 10).await.unwrap();
    assert_eq!(second.iter().map(|need| need.id).collect::<Vec<_>>(), [later, limit], "a page goes on where one ended");
    assert_eq!(world.store.need(settle).await.unwrap().priority, Priority::High);
}

#[tokio::test]
async fn a_need_that_is_put_off_is_hidden_and_comes_back_and_is_told_of_again() {
    let world = World::new().await;
    let (attempt, need) = asleep(&world, Kind::Grant).await;
    let expires = world.store.need(need).await.unwrap().expires_at.unwrap();
    news(&world, &[need]).await.expect("it is new");
    assert_eq!(world.store.untold_needs(Channel::Mail, "").await.unwrap().0, []);
    let put_off = world.store.snooze_need(need, 4 * HOUR, "ann").await.unwrap();
    let until = world.env.now() + 4 * HOUR;
    assert_eq!((put_off.snoozed_until, put_off.expires_at), (Some(until), Some(expires + 4 * HOUR)));
    assert_eq!((put_off.status, listed(&world).await), (NeedStatus::Open, vec![]));
    assert_eq!((world.store.open_needs().await.unwrap(), world.store.snoozed_needs().await.unwrap()), (1, 1));
    assert_eq!(world.store.untold_needs(Channel::Mail, "").await.unwrap(), (vec![], Some(until)));
    assert_eq!(world.store.inbox(true, None, 10).await.unwrap().len(), 1, "nothing is lost");

    let world = world.restart().await;
    world.clock.advance(4 * HOUR);
    assert_eq!((listed(&world).await, world.store.snoozed_needs().await.unwrap()), (vec![need], 0));
    let (untold, _) = world.store.untold_needs(Channel::Mail, "").await.unwrap();
    assert_eq!(untold[0].since, until, "it is as if it were new");
    world.store.answer_need(need, Choice::Continue, "ann").await.unwrap();
    assert_eq!(world.store.run(attempt.run).await.unwrap().phase, Phase::Queued);
    assert_eq!(code(world.store.snooze_need(need, HOUR, "ann").await), "NEED_ANSWERED");
}

#[tokio::test]
async fn a_need_is_taken_up_again_before_its_time() {
    let world = World::new().await;
    let (_, need) = asleep(&world, Kind::Grant).await;
    let expires = world.store.need(need).await.unwrap().expires_at.unwrap();
    world.store.snooze_need(need, 4 * HOUR, "ann").await.unwrap();
    world.store.snooze_need(need, 8 * HOUR, "ann").await.unwrap();
    world.clock.advance(HOUR);
    let up = world.store.unsnooze_need(need, "ann").await.unwrap();
    assert_eq!((up.snoozed_until, up.expires_at), (None, Some(expires + HOUR)), "what was left is left");
    assert_eq!(listed(&world).await, [need]);
    assert_eq!(world.store.untold_needs(Channel::Mail, "").await.unwrap().0, [], "who took it up knows of it");
    world.store.unsnooze_need(need, "ann").await.unwrap();
}

#[tokio::test]
async fn what_nobody_answers_gets_its_default_once() {
    let world = World::new().await;
    let (attempt, need) = asleep(&world, Kind::Grant).await;
    let settle = self::need(&world, Kind::Settle, "b").await;
    assert_eq!(world.store.need(settle).await.unwrap().expires_at, None, "what happened is not known by waiting");
    let expires = world.env.now() + LIFE;
    assert_eq!(world.store.next_wake().await.unwrap(), Some(expires));
    let world = world.restart().await;
    world.clock.advance(LIFE);
    assert_eq!(world.store.wake_due().await.unwrap(), 1);
    let world = world.restart().await;
    assert_eq!(world.store.wake_due().await.unwrap(), 0);
    let lapsed = world.store.need(need).await.unwrap();
    assert_eq!((lapsed.answer, lapsed.answered_by.as_deref()), (Some(Choice::Stop), Some("steward")));
    assert_eq!(world.store.run(attempt.run).await.unwrap().phase, Phase::Stopped);
    assert_eq!(world.store.need(settle).await.unwrap().status, NeedStatus::Open);
    assert_eq!(world.store.audit(|_| {}).await.unwrap().findings, []);
}

#[tokio::test]
async fn one_answer_for_several_and_none_for_what_wants_a_look_of_its_own() {
    let world = World::new().await;
    let (one, other) = (need(&world, Kind::Repair, "1").await, need(&world, Kind::Repair, "2").await);
    let settle = need(&world, Kind::Settle, "3").await;
    let of = |which, choice| world.store.answer_needs(which, choice, "ann");
    let mixed = of(Together::These(vec![one, settle]), Choice::Dismiss).await;
    assert_eq!(code(mixed), "NEED_ALONE");
    assert_eq!(code(of(Together::AllOf(Kind::Approve), Choice::Approve).await), "NEED_ALONE");
    assert_eq!(
        code(
            of(Together::These(vec![one; 1]).clone(), Choice::Stop)
                .await
                .and_then(|outcome| { Err::<(), _>(outcome.refused.into_iter().next().unwrap().1) })
        ),
        "NEED_CHOICE"
    );
    world.store.answer_need(one, Choice::Dismiss, "bob").await.unwrap();
    let outcome = of(Together::These(vec![one, other]), Choice::Dismiss).await.unwrap();
    assert_eq!((outcome.answered, outcome.refused[0].0), (vec![other], one), "each takes it or not by itself");
    let (third, later) = (need(&world, Kind::Repair, "4").await, need(&world, Kind::Repair, "5").await);
    world.store.snooze_need(later, HOUR, "ann").await.unwrap();
    let outcome = of(Together::AllOf(Kind::Repair), Choice::Dismiss).await.unwrap();
    assert_eq!((outcome.answered, outcome.more), (vec![third], false), "what is put off stays put off");
}

#[tokio::test]
async fn a_link_answers_once_and_says_so() {
    let world = World::new().await;
    let (attempt, need) = asleep(&world, Kind::Reconnect).await;
    let (_, links) = linked(&world, need).await;
    assert_eq!(links.iter().map(|(choice, _)| *choice).collect::<Vec<_>>(), [Choice::Continue], "no link ends a run");
    let world = world.restart().await;
    let seen = world.store.link(&links[0].1).await.unwrap();
    assert_eq!((seen.need.id, seen.choice, seen.dead), (need, Choice::Continue, None));
    assert_eq!(world.store.need(need).await.unwrap().status, NeedStatus::Open, "to look is not to answer");
    let answered = world.store.use_link(&links[0].1).await.unwrap();
    assert_eq!(answered.answered_by, Some(format!("link:{}", seen.id)));
    assert_eq!(world.store.run(attempt.run).await.unwrap().phase, Phase::Queued);
    let world = world.restart().await;
    assert_eq!(code(world.store.use_link(&links[0].1).await), "LINK_USED");
    assert_eq!(world.store.link(&links[0].1).await.unwrap().dead, Some(DeadLink::Used));
    let events = world.store.events_after(WORKSPACE_ROOM, 0, 1000).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "need.answered").count(), 1);
}

#[tokio::test]
async fn attack_a_forged_link_and_what_the_database_knows_of_links() {
    let world = World::new().await;
    let (_, need) = asleep(&world, Kind::Reconnect).await;
    let (_, links) = linked(&world, need).await;
    let right = &links[0].1;
    let as_hex = match crate::DATABASE {
        Database::Sqlite => "lower(hex(digest))",
        Database::Postgres => "encode(digest, 'hex')",
    };
    let stored = world.text(&format!("SELECT {as_hex} FROM need_links")).await;
    assert!(!right.contains(&stored) && !stored.contains(&right[..64]), "the database holds what makes a link");
    let flip = |at: usize| {
        let mut forged = right.clone().into_bytes();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        String::from_utf8(forged).unwrap()
    };
    let mut forged: Vec<String> = (0..right.len()).map(flip).collect();
    forged.extend([String::new(), right[1..].to_owned(), format!("{right}00"), right.to_uppercase(), "é".repeat(96)]);
    forged.push(format!("{stored}{}", &right[64..]));
    for forged in forged.into_iter().filter(|forged| forged != right) {
        assert_eq!(code(world.store.use_link(&forged).await), "LINK_UNKNOWN", "{forged}");
        assert_eq!(code(world.store.link(&forged).await), "LINK_UNKNOWN", "{forged}");
    }
    assert_eq!(world.store.need(need).await.unwrap().status, NeedStatus::Open);
}

#[tokio::test]
async fn attack_links_that_are_too_old_or_whose_need_was_settled_meanwhile() {
    let world = World::new().await;
    let (old, settled) = (need(&world, Kind::Repair, "1").await, need(&world, Kind::Repair, "2").await);
    let (_, of_old) = linked(&world, old).await;
    let (_, of_settled) = linked(&world, settled).await;
    world.store.answer_need(settled, Choice::Dismiss, "ann").await.unwrap();
    for choice in [Choice::RunAgain, Choice::Dismiss] {
        assert_eq!(code(world.store.use_link(token(&of_settled, choice)).await), "NEED_ANSWERED");
    }
    world.clock.advance(LINK_LIFE);
    assert_eq!(code(world.store.use_link(token(&of_old, Choice::RunAgain)).await), "LINK_EXPIRED");
    assert_eq!(world.store.link(token(&of_old, Choice::RunAgain)).await.unwrap().dead, Some(DeadLink::Expired));
    assert_eq!(world.store.need(old).await.unwrap().status, NeedStatus::Open);
}

#[tokio::test]
async fn attack_two_links_at_once_are_one_answer() {
    let world = World::new().await;
    let automation = world.automation("reminders").await;
    let attempt = world.attempt(&automation, "a").await;
    attempt.fail(Class::Logic, vec![need_of(&attempt, Kind::Repair, "a")]).await.unwrap();
    let need = world.store.inbox(false, None, 1).await.unwrap().remove(0).id;
    let (_, links) = linked(&world, need).await;
    let again = token(&links, Choice::RunAgain);
    let uses = [again, again, token(&links, Choice::Dismiss), again];
    let (taken, refused): (Vec<_>, Vec<_>) =
        join_all(uses.map(|token| world.store.use_link(token))).await.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), refused.len()), (1, 3));
    for refused in refused {
        assert!(["LINK_USED", "NEED_ANSWERED"].contains(&code(refused)));
    }
    let runs = world.store.runs(&runtime::store::RunFilter::default(), 10).await.unwrap();
    assert_eq!(runs.len(), 2, "it runs again once");
}

#[tokio::test]
async fn a_need_is_told_of_once_by_each_way_whenever_the_server_dies() {
    let mut world = World::new().await;
    let one = need(&world, Kind::Repair, "1").await;
    let planned = news(&world, &[one]).await.unwrap();
    assert!(news(&world, &[one]).await.is_none(), "it is in a message already");

    // Dies before anything left: it leaves later, once.
    world = world.restart().await;
    world.store.recover_notifications().await.unwrap();
    assert_eq!(world.store.queued_notifications(10).await.unwrap(), std::slice::from_ref(&planned));
    let first = world.store.begin_notification(planned.id).await.unwrap().unwrap();
    assert!(world.store.begin_notification(planned.id).await.unwrap().is_none(), "somebody has it");

    // Nothing left: it is tried again, with links of its own, and those of the first attempt lead nowhere.
    let later = world.env.now() + HOUR;
    world.store.end_notification(planned.id, After::Again(later), Some("X".to_owned()), None).await.unwrap();
    assert_eq!(code(world.store.use_link(&first.needs[0].1[0].token).await), "LINK_UNKNOWN");
    world = world.restart().await;
    let second = world.store.begin_notification(planned.id).await.unwrap().unwrap();
    assert_eq!((second.notification.attempts, second.notification.id), (2, planned.id));

    // Dies while it is being sent: it may have arrived, so it is not sent again, and its links work.
    world = world.restart().await;
    assert_eq!(world.store.recover_notifications().await.unwrap(), 1);
    let lost = world.store.notification(planned.id).await.unwrap();
    assert_eq!(lost.state, State::Uncertain);
    assert!(world.store.begin_notification(planned.id).await.unwrap().is_none());
    assert!(news(&world, &[one]).await.is_none());
    assert_eq!(world.store.untold_needs(Channel::Mail, "").await.unwrap().0, []);
    assert_eq!(world.store.untold_needs(Channel::Webhook, "").await.unwrap().0.len(), 1, "the other way is its own");
    let (from, until) = (world.env.now(), world.env.now() + HOUR);
    assert_eq!(world.store.doubtful_notifications(from, until).await.unwrap(), [lost], "the digest tells");
    world.store.use_link(&second.needs[0].1[0].token).await.unwrap();
}

#[tokio::test]
async fn what_was_answered_meanwhile_is_told_no_more() {
    let world = World::new().await;
    let (one, other) = (need(&world, Kind::Repair, "1").await, need(&world, Kind::Repair, "2").await);
    let both = news(&world, &[one, other]).await.unwrap();
    world.store.answer_need(one, Choice::Dismiss, "ann").await.unwrap();
    let leaving = world.store.begin_notification(both.id).await.unwrap().unwrap();
    assert_eq!(leaving.needs.iter().map(|(need, _)| *need).collect::<Vec<_>>(), [other]);
    world.store.end_notification(both.id, After::Over(State::Sent), None, None).await.unwrap();
    let third = need(&world, Kind::Repair, "3").await;
    let alone = news(&world, &[third]).await.unwrap();
    world.store.snooze_need(third, HOUR, "ann").await.unwrap();
    assert!(world.store.begin_notification(alone.id).await.unwrap().is_none());
    assert_eq!(world.store.notification(alone.id).await.unwrap().state, State::Dropped);
}

#[tokio::test]
async fn a_way_that_is_gone_takes_its_messages_along_and_tells_of_their_needs_when_it_comes_back() {
    let world = World::new().await;
    let one = need(&world, Kind::Repair, "1").await;
    let planned = news(&world, &[one]).await.unwrap();
    assert_eq!(world.store.drop_notifications(Channel::Webhook).await.unwrap(), 0);
    assert_eq!(world.store.drop_notifications(Channel::Mail).await.unwrap(), 1);
    assert_eq!(world.store.notification(planned.id).await.unwrap().state, State::Dropped);
    assert_eq!(world.store.untold_needs(Channel::Mail, "").await.unwrap().0[0].need, one);
}

#[tokio::test]
async fn links_and_notifications_go_when_they_are_old() {
    let world = World::new().await;
    let one = need(&world, Kind::Repair, "1").await;
    let (leaving, _) = linked(&world, one).await;
    world.store.end_notification(leaving.notification.id, After::Over(State::Sent), None, None).await.unwrap();
    world.clock.advance(LINK_LIFE + Retention::default().messages + HOUR);
    world.store.sweep(Retention::default()).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM need_links").await, 0);
    assert_eq!(world.store.notifications(None, 10).await.unwrap(), []);
}
