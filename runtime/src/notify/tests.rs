//! Stories of a week with notifications, in virtual time: mail goes into an outbox, which is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connectors::egress::{Egress, EgressSettings};
use connectors::email::Mail;
use connectors::vault::{MasterKeySource, Secret, Vault};
use intents::need::{Choice, Kind};
use intents::notify::{Channel, State};
use serde_json::{Value, json};

use super::desk::Desk;
use super::notifier::Notifier;
use crate::store::NewNeed;
use crate::supervisor::simulated::World;

struct House {
    world: World,
    desk: Desk,
    notifier: Notifier,
    outbox: PathBuf,
}

fn need(kind: Kind, key: &str, evidence: Value) -> NewNeed {
    NewNeed {
        kind,
        dedupe_key: key.to_owned(),
        automation: None,
        run: None,
        call: None,
        effect: None,
        title: format!("About {key}"),
        evidence,
    }
}

impl House {
    async fn at(now: &str) -> Self {
        let world = World::at(now).await;
        let outbox = world.folder.path().join("outbox");
        let master = MasterKeySource::Passphrase(Secret::new("a long enough phrase".to_owned()));
        let vault = Arc::new(Vault::open(&world.folder.path().join("vault"), &master).unwrap());
        let egress = Arc::new(Egress::new(EgressSettings::default()).unwrap());
        let listen = "127.0.0.1:7777".parse().unwrap();
        let desk = Desk::new(&world.env, &world.store, &vault, &egress, &Mail::Outbox(outbox.clone()), listen).unwrap();
        let notifier = Notifier::new(&desk);
        let house = Self { world, desk, notifier, outbox };
        house.set("notifications.mail_to", json!(["ann@example.com"])).await;
        house
    }

    async fn set(&self, name: &str, value: Value) {
        self.world.store.set_setting(name, value, "ann").await.unwrap();
    }

    async fn opens(&self, kind: Kind, key: &str) -> intents::id::NeedId {
        self.world.store.open_need(need(kind, key, json!({ "failure": { "code": "X" } }))).await.unwrap()
    }

    /// Looks at a time; gives what has come into the outbox since the start.
    async fn at_time(&mut self, now: &str) -> Vec<String> {
        self.world.set(now);
        self.notifier.look().await.unwrap();
        self.mails()
    }

    fn mails(&self) -> Vec<String> {
        let Ok(files) = std::fs::read_dir(&self.outbox) else { return Vec::new() };
        let mut mails: Vec<_> = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        mails.sort_by_key(|mail| header(mail, "Date"));
        mails
    }
}

fn header(mail: &str, name: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default().to_owned()
}

#[actix_rt::test]
async fn what_comes_within_half_a_minute_is_one_mail_and_each_need_is_told_once() {
    let mut house = House::at("2026-11-20T12:00:00Z").await;
    house.opens(Kind::Repair, "one").await;
    assert!(house.at_time("2026-11-20T12:00:10Z").await.is_empty(), "more may come");
    house.opens(Kind::Reconnect, "two").await;
    let mails = house.at_time("2026-11-20T12:00:30Z").await;
    assert_eq!(mails.len(), 1);
    let mail = mails[0].replace("=\r\n", "").replace("=3D", "=");
    assert!(mail.contains("Subject: Steward: 2 things wait for you: About two"), "{mail}");
    assert!(mail.contains("To: ann@example.com") && mail.contains("About one"), "{mail}");
    assert!(mail.contains("continue: http://127.0.0.1:7777/answer/"), "{mail}");
    assert_eq!(house.at_time("2026-11-20T13:00:00Z").await.len(), 1, "it was told");
    let channels = house.desk.channels().await.unwrap();
    assert_eq!((channels.len(), channels[0].channel, &channels[0].failing), (1, Channel::Mail, &None));
}

#[actix_rt::test]
async fn at_night_only_what_is_urgent_comes_and_the_rest_is_one_mail_in_the_morning() {
    let mut house = House::at("2026-11-20T20:00:00Z").await;
    house.set("notifications.tz", json!("Europe/Rome")).await;
    house.set("notifications.quiet", json!("22:00-07:00")).await;
    // It is 21:30 in Rome.
    house.world.set("2026-11-20T21:30:00Z");
    house.opens(Kind::Repair, "one").await;
    house.opens(Kind::Limit, "two").await;
    assert!(house.at_time("2026-11-20T22:30:00Z").await.is_empty());
    house.world.store.open_need(need(Kind::Internal, "disk", json!({ "free_bytes": 1 }))).await.unwrap();
    let mails = house.at_time("2026-11-20T22:30:01Z").await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("About disk") && !mails[0].contains("About one"), "{}", mails[0]);
    // What is answered in the night is told no more.
    house.world.store.answer_needs(crate::store::Together::AllOf(Kind::Limit), Choice::Dismiss, "ann").await.unwrap();
    let next = house.notifier.look().await.unwrap();
    assert!(next > house.world.env.now());
    assert_eq!(house.at_time("2026-11-21T05:59:59Z").await.len(), 1);
    let mails = house.at_time("2026-11-21T06:00:00Z").await;
    assert_eq!(mails.len(), 2);
    assert!(mails[1].contains("About one") && !mails[1].contains("About two"), "{}", mails[1]);
}

#[actix_rt::test]
async fn a_need_that_was_put_off_is_told_of_again_when_it_comes_back() {
    let mut house = House::at("2026-11-20T12:00:00Z").await;
    let need = house.opens(Kind::Repair, "one").await;
    assert_eq!(house.at_time("2026-11-20T12:01:00Z").await.len(), 1);
    house.world.store.snooze_need(need, Duration::from_secs(4 * 3600), "ann").await.unwrap();
    assert_eq!(house.at_time("2026-11-20T16:00:59Z").await.len(), 1);
    assert_eq!(house.at_time("2026-11-20T16:01:30Z").await.len(), 2);
}

#[actix_rt::test]
async fn one_digest_a_day_and_one_for_the_days_that_nobody_was_there() {
    let mut house = House::at("2026-11-20T12:00:00Z").await;
    house.set("notifications.digest_at", json!("08:00")).await;
    house.opens(Kind::Repair, "one").await;
    assert_eq!(house.at_time("2026-11-20T12:05:00Z").await.len(), 1, "the need itself");
    let mails = house.at_time("2026-11-21T08:00:00Z").await;
    assert_eq!(mails.len(), 2);
    let digest = mails.iter().find(|mail| mail.contains("waiting for you")).unwrap();
    assert!(digest.contains("2026-11-21: 1 waiting for you, 0 runs, 0 failed"), "{digest}");
    assert!(
        digest.contains("From 2026-11-20 12:00 to 2026-11-21 08:00 (UTC)") && digest.contains("About one"),
        "{digest}"
    );
    assert_eq!(house.at_time("2026-11-21T20:00:00Z").await.len(), 2, "one a day");
    house.set("notifications.digest_at", json!("09:00")).await;
    assert_eq!(house.at_time("2026-11-21T20:01:00Z").await.len(), 2, "another time of the day brings none at once");
    let mails = house.at_time("2026-11-24T09:00:00Z").await;
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().any(|mail| mail.contains("From 2026-11-21 08:00 to 2026-11-24 09:00")), "{mails:?}");
}

#[actix_rt::test]
async fn what_may_have_left_is_not_sent_again_and_the_digest_says_so() {
    let mut house = House::at("2026-11-20T12:00:00Z").await;
    house.set("notifications.digest_at", json!("08:00")).await;
    house.opens(Kind::Repair, "one").await;
    // Nobody can write into an outbox that is a file: whether the mail is there is not known.
    std::fs::write(&house.outbox, "in the way").unwrap();
    house.world.set("2026-11-20T12:01:00Z");
    house.notifier.look().await.unwrap();
    let last = house.world.store.notifications(None, 1).await.unwrap().remove(0);
    assert_eq!((last.state, last.code.as_deref()), (State::Uncertain, Some("MAIL_UNCERTAIN")));
    assert!(house.desk.channels().await.unwrap()[0].failing.is_some(), "the list and the doctor say it");
    std::fs::remove_file(&house.outbox).unwrap();
    assert!(house.at_time("2026-11-20T18:00:00Z").await.is_empty(), "it may have arrived");
    let mails = house.at_time("2026-11-21T08:00:00Z").await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("may not have reached you") && mails[0].contains(&last.id.to_string()), "{}", mails[0]);
}

#[actix_rt::test]
async fn a_way_that_fails_is_one_need_which_goes_when_it_works_again() {
    let mut house = House::at("2026-11-20T12:00:00Z").await;
    // The vault holds no secret for the webhook, so nothing leaves.
    house.set("notifications.webhook", json!("http://127.0.0.1:1/hook")).await;
    house.opens(Kind::Repair, "one").await;
    for minute in [1, 3, 10, 30] {
        house.world.set(&format!("2026-11-20T12:{minute:02}:00Z"));
        house.notifier.look().await.unwrap();
    }
    let open = house.world.open_needs().await;
    let failing: Vec<_> = open.iter().filter(|(kind, _)| *kind == Kind::Trigger).collect();
    assert_eq!(failing.len(), 1, "{open:?}");
    assert!(failing[0].1.contains("webhook"), "{open:?}");
    let mails = house.mails();
    assert_eq!(mails.len(), 2, "the other way tells of it");
    let all = house.world.store.notifications(None, 10).await.unwrap();
    let webhook: Vec<_> = all.iter().filter(|one| one.channel == Channel::Webhook).collect();
    assert_eq!(
        (webhook.len(), webhook[0].state, webhook[0].code.as_deref()),
        (1, State::Queued, Some("SECRET_MISSING"))
    );
    // It is not wanted any more: nothing is left to send, and nothing to ask.
    house.world.store.remove_setting("notifications.webhook", "ann").await.unwrap();
    house.notifier.look().await.unwrap();
    assert!(house.world.open_needs().await.iter().all(|(kind, _)| *kind != Kind::Trigger));
    assert!(house.world.store.queued_notifications(10).await.unwrap().is_empty());
}

#[actix_rt::test]
async fn a_test_says_what_came_of_it() {
    let house = House::at("2026-11-20T12:00:00Z").await;
    house.set("notifications.webhook", json!("http://127.0.0.1:1/hook")).await;
    let tested = house.desk.test().await.unwrap();
    let states: Vec<_> = tested.iter().map(|tested| (tested.channel, tested.notification.state)).collect();
    assert_eq!(states, [(Channel::Mail, State::Sent), (Channel::Webhook, State::Failed)]);
    assert!(house.mails()[0].contains("Subject: Steward: a test"));
}
