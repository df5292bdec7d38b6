//! Watch my machines: one word for each change, one restart for each outage, and one alarm when nothing can be reached.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::calendar::every;
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, Reply};
use crate::support::tls_host::{Presents, TlsHost};

/// A site that is up, or hangs up.
struct Site {
    service: Recorder,
    up: Arc<Mutex<bool>>,
}

impl Site {
    fn start() -> Self {
        let up = Arc::new(Mutex::new(true));
        let shared = Arc::clone(&up);
        let service = Recorder::replying(move |_| match *shared.lock().unwrap() {
            true => Reply::Says(200, "text/plain", "fine".to_owned()),
            false => Reply::HangsUp,
        });
        Self { service, up }
    }

    fn is(&self, up: bool) {
        *self.up.lock().unwrap() = up;
    }
}

/// Takes each request for a restart, and answers only from the second time on that it is sent.
fn restarts() -> Recorder {
    let known = Mutex::new(BTreeSet::new());
    Recorder::replying(move |came| {
        let key = came.header("idempotency-key").unwrap_or_default().to_owned();
        match known.lock().unwrap().insert(key) {
            true => Reply::HangsUp,
            false => Reply::Says(202, "application/json", "{}".to_owned()),
        }
    })
}

#[test]
fn every_change_is_told_once_and_an_outage_is_restarted_once() {
    let (wiki, cloud, hooks) = (Site::start(), Site::start(), restarts());
    let nas = TlsHost::start(Presents::GoodFor(60));
    let place = Place::new();
    let server = place.start();
    let backups = place.grant("backups");
    let backup = std::fs::File::create(backups.join("monday.tar")).unwrap();
    let hosts = [wiki.service.address(), cloud.service.address(), hooks.address(), ([127, 0, 0, 1], nas.port()).into()];
    place.set("egress.allow_private", &json!(hosts.map(|host| host.to_string())));
    let names = Names::default()
        .with("wiki", hosts[0])
        .with("cloud", hosts[1])
        .with("hooks", hosts[2])
        .with("host", "127.0.0.1")
        .with("nas_port", nas.port())
        .with("every_5_minutes", every(5));
    let card = delegate(&place, &Conversation::read("homelab-guard", &names));
    card.is_sound(&[
        "One web request per site and down_since, ever.",
        "At least 2 runs every 30 minutes; you are told when there are fewer.",
        "Models and other paid tools cost at most 0 USD",
    ]);
    card.confirm();
    let chat_calls = place.get("/v1/usage")["total"]["calls"].clone();

    let look = || {
        let run = place.run("homelab-guard", &json!({}));
        place.run_is(&run, "succeeded");
    };
    let told = || -> Vec<String> {
        let notices = place.get("/v1/notices")["items"].as_array().unwrap().clone();
        notices.iter().rev().map(|notice| notice["title"].as_str().unwrap().replace("Homelab: ", "")).collect()
    };
    let restarted = || -> BTreeSet<String> {
        hooks.came().iter().filter_map(|came| came.header("idempotency-key").map(str::to_owned)).collect()
    };

    look();
    // A site flaps: down at one look, up at the next.
    wiki.is(false);
    look();
    wiki.is(true);
    look();
    assert!(told().is_empty() && hooks.came().is_empty(), "{:?}", told());

    // It is down for good. The answer to the request for its restart is lost, and the request is the same again.
    wiki.is(false);
    look();
    look();
    assert_eq!((restarted().len(), hooks.came().len(), told().len()), (1, 2, 0), "asked for once, under one key");
    look();
    look();
    assert_eq!(told(), ["wiki is down"], "the restart did not help, and that is told once");
    wiki.is(true);
    look();
    look();
    assert_eq!(told(), ["wiki is down", "wiki is up again"]);
    assert_eq!(restarted().len(), 1);

    // Nothing can be reached at all: that is one thing, and no site is restarted for it.
    for site in [&wiki, &cloud] {
        site.is(false);
    }
    nas.now_presents(Presents::Nothing);
    look();
    look();
    for site in [&wiki, &cloud] {
        site.is(true);
    }
    nas.now_presents(Presents::GoodFor(5));
    // Meanwhile the last backup has become too old.
    backup.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    look();
    look();
    assert_eq!(
        told()[2..],
        [
            "nothing can be reached",
            "everything can be reached again",
            "the certificate is soon over",
            "the backup is too old"
        ]
    );
    look();
    assert_eq!((told().len(), restarted().len()), (6, 1));
    assert_eq!(place.get("/v1/usage")["total"]["calls"], chat_calls, "no model was asked in any run");
    assert!(server.end().success());
}
