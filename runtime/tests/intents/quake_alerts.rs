//! Post each strong earthquake to the team, once, whatever becomes of the answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::calendar::{every, minutes_ago};
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, Reply};

fn quake(id: &str, magnitude: f64, minutes: i64) -> Value {
    let time = minutes_ago(minutes).as_millisecond();
    json!({ "id": id, "properties": { "mag": magnitude, "place": "20 km S of Town", "time": time, "updated": time } })
}

/// The team's channel: it honours the key, hangs up after it has taken the first post, and is busy at the second.
fn channel() -> (Recorder, Arc<Mutex<Vec<Value>>>) {
    let posted = Arc::new(Mutex::new(Vec::new()));
    let (kept, known, busy) = (Arc::clone(&posted), Mutex::new(BTreeSet::new()), Mutex::new(true));
    let service = Recorder::replying(move |came| {
        let key = came.header("idempotency-key").unwrap_or_default().to_owned();
        let mut known = known.lock().unwrap();
        if known.len() == 1 && !known.contains(&key) && std::mem::take(&mut *busy.lock().unwrap()) {
            return Reply::Says(429, "application/json", "{}".to_owned());
        }
        let is_new = known.insert(key);
        if is_new {
            kept.lock().unwrap().push(serde_json::from_slice(&came.body).unwrap());
        }
        match is_new && known.len() == 1 {
            true => Reply::HangsUp,
            false => Reply::Says(200, "application/json", "{}".to_owned()),
        }
    });
    (service, posted)
}

#[test]
fn each_strong_quake_is_posted_once_under_its_own_key() {
    let day = Arc::new(Mutex::new(vec![quake("us1a", 5.6, 12), quake("us1b", 4.9, 20), quake("us1c", 6.1, 500)]));
    let shared = Arc::clone(&day);
    let feed = Recorder::answering(move |_| (200, json!({ "features": *shared.lock().unwrap() }).to_string()));
    let (channel, posted) = channel();
    let place = Place::new();
    let server = place.start();
    place.set("egress.allow_private", &json!([feed.address().to_string(), channel.address().to_string()]));
    let names = Names::default()
        .with("quakes", feed.address())
        .with("team", channel.address())
        .with("host", "127.0.0.1")
        .with("every_10_minutes", every(10));
    let card = delegate(&place, &Conversation::read("quake-alerts", &names));
    card.is_sound(&[
        "`quake:/properties/mag` is more than 4.99",
        "One web request per quake, ever.",
        "At most 20 web requests in 1 hour",
    ]);
    card.confirm();

    let look = || {
        let run = place.run("quake-alerts", &json!({}));
        place.run_is(&run, "succeeded");
        posted.lock().unwrap().iter().map(|post| post["event"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(look(), ["us1a"], "the newest; what was there before is no news, and a lost answer is no second post");
    assert_eq!(look(), ["us1a"]);
    {
        // One is measured again and is strong now, one new, and the order is another.
        let mut day = day.lock().unwrap();
        day[1] = quake("us1b", 5.0, 20);
        day.insert(0, quake("us1d", 7.2, 1));
        day.push(quake("us1a", 5.6, 12));
    }
    assert_eq!(look(), ["us1a", "us1b", "us1d"]);
    assert_eq!(look().len(), 3);
    assert_eq!(posted.lock().unwrap()[2]["text"], "Magnitude 7.2: 20 km S of Town");
    assert!(server.end().success());
}
