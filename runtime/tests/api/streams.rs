//! Event streams: everything in order, and on from where one was.

use std::time::Duration;

use serde_json::{Value, json};

use crate::automation::{self, NAME};
use crate::raw::Request;
use crate::support::chance::Chance;
use crate::support::home::Home;
use crate::support::server::Server;
use crate::support::wait::until;

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
    let all = stream("").listen(home.port()).next(5);
    assert_eq!(
        kinds(&all),
        named(&[
            (1, "automation.created"),
            (2, "automation.paused"),
            (3, "automation.resumed"),
            (4, "automation.paused"),
            (5, "automation.resumed"),
        ])
    );
    assert_eq!(kinds(&stream("?from_seq=4").listen(home.port()).next(2)), kinds(&all[3..]));
    let back = stream("?from_seq=1").with("last-event-id", Some("4"));
    assert_eq!(kinds(&back.listen(home.port()).next(1)), kinds(&all[4..]), "the header goes before the address");

    let mut listener = stream("?from_seq=6").listen(home.port());
    assert!(client.post(&format!("/v1/automations/{NAME}/pause"), &json!({})).unwrap().is_success());
    let live = listener.next(1);
    assert_eq!(kinds(&live), named(&[(6, "automation.paused")]));
    let everything = Request::bare(home.port(), "GET", "/v1/streams/rooms/all")
        .with("authorization", Some(&format!("Bearer {token}")));
    let positions: Vec<i64> = everything.listen(home.port()).next(6).iter().map(|(id, _)| *id).collect();
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
    let mut first = stream.listen(home.port());
    let refused = client.get("/v1/audit").unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (503, "LISTENERS_FULL"));
    assert_eq!(first.next(1)[0].1["type"], "automation.created");
    drop(first);
    // The place is free again once the server has noticed, which an event helps it to.
    until("the place is free again", Duration::from_secs(30), || {
        assert!(client.post("/v1/stop", &json!({})).unwrap().is_success());
        client.get("/v1/audit").unwrap().is_success().then_some(())
    });
}
