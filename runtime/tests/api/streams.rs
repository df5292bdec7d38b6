//! Event streams: everything in order, and on from where one was.

use serde_json::{Value, json};

use crate::automation::{self, NAME};
use crate::raw::Request;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::Server;

#[test]
fn who_comes_back_goes_on_after_the_last_event_it_saw() {
    let home = Home::new(&mut Chance::new(6));
    let server = Server::start(&home, &[]);
    let client = server.client();
    automation::set_up(&client);
    for verb in ["pause", "resume", "pause", "resume"] {
        assert!(client.post(&format!("/v1/automations/{NAME}/{verb}"), &json!({})).unwrap().is_success());
    }
    let token = std::fs::read_to_string(home.data().join("token")).unwrap();
    let stream = |query: &str| {
        Request::bare(home.port(), "GET", &format!("/v1/streams/rooms/{NAME}{query}"))
            .with("authorization", Some(&format!("Bearer {token}")))
    };
    let kinds = |events: &[(i64, Value)]| -> Vec<(i64, String)> {
        events.iter().map(|(id, event)| (*id, event["type"].as_str().unwrap().to_owned())).collect()
    };
    let named = |events: &[(i64, &str)]| -> Vec<(i64, String)> {
        events.iter().map(|(id, kind)| (*id, (*kind).to_owned())).collect()
    };
    let all = stream("").events(home.port(), 5);
    assert_eq!(kinds(&all), named(&[
        (1, "automation.created"),
        (2, "automation.paused"),
        (3, "automation.resumed"),
        (4, "automation.paused"),
        (5, "automation.resumed"),
    ]));
    assert_eq!(kinds(&stream("?from_seq=4").events(home.port(), 2)), kinds(&all[3..]));
    let back = stream("?from_seq=1").with("last-event-id", Some("4"));
    assert_eq!(kinds(&back.events(home.port(), 1)), kinds(&all[4..]), "the header goes before the address");

    let live = std::thread::scope(|scope| {
        let listener = scope.spawn(|| stream("?from_seq=6").events(home.port(), 1));
        assert!(client.post(&format!("/v1/automations/{NAME}/pause"), &json!({})).unwrap().is_success());
        listener.join().unwrap()
    });
    assert_eq!(kinds(&live), named(&[(6, "automation.paused")]));
    let everything = Request::bare(home.port(), "GET", "/v1/streams/rooms/all")
        .with("authorization", Some(&format!("Bearer {token}")));
    let positions: Vec<i64> = everything.events(home.port(), 6).iter().map(|(id, _)| *id).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn there_are_as_many_listeners_as_there_may_be() {
    let home = Home::new(&mut Chance::new(7));
    let bound = [("STEWARD_SERVER__LISTENERS".to_owned(), "1".to_owned())];
    let server = Server::start(&home, &bound);
    let client = server.client();
    automation::set_up(&client);
    let token = std::fs::read_to_string(home.data().join("token")).unwrap();
    let stream = Request::bare(home.port(), "GET", "/v1/streams/rooms/all")
        .with("authorization", Some(&format!("Bearer {token}")));
    std::thread::scope(|scope| {
        // The only listener waits for an event that comes when the other one was refused.
        let count = client.get("/v1/rooms/all/events").unwrap().json()["items"].as_array().unwrap().len();
        let (port, wanted) = (home.port(), count + 1);
        let first = scope.spawn({ let stream = stream.clone(); move || stream.events(port, wanted) });
        let refused = crate::support::wait::until("the second is refused", std::time::Duration::from_secs(10), || {
            let answer = client.get("/v1/audit").unwrap();
            (answer.status == 503).then_some(answer)
        });
        assert_eq!(refused.code(), "LISTENERS_FULL");
        assert!(client.post("/v1/stop", &json!({})).unwrap().is_success());
        assert_eq!(first.join().unwrap().last().unwrap().1["type"], "steward.stopped");
    });
}
