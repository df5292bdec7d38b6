//! One mail in the morning with what is new, and the name of what could not be read.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::json;

use crate::calendar::{Noon, minutes_ago};
use crate::conversation::{Conversation, Names};
use crate::delegated::delegate;
use crate::support::mailbox::Mailbox;
use crate::support::place::Place;
use crate::support::recorder::{Recorder, Reply};

fn rss(name: &str, items: &[(&str, i64)]) -> String {
    let item = |(title, minutes): &(&str, i64)| {
        let date = jiff::fmt::rfc2822::to_string(&minutes_ago(*minutes).to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
        format!(
            "<item><title>{title}</title><link>https://{name}.example/{minutes}</link><guid>{minutes}</guid><pubDate>{date}</pubDate></item>\n"
        )
    };
    let items: String = items.iter().map(item).collect();
    format!("<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel><title>{name}</title>\n{items}</channel></rss>\n")
}

fn atom(title: &str, at: Timestamp) -> String {
    format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>S</title><id>s</id><updated>{at}</updated>\n<entry><id>urn:1</id><title>{title}</title><link href=\"https://science.example/1\"/><published>{at}</published><updated>{at}</updated></entry></feed>\n"
    )
}

#[test]
fn the_morning_mail_names_what_is_new_and_what_is_missing_and_comes_once() {
    // One of the feeds is away, while the planner looks as in the morning.
    let chess_is_there = Arc::new(Mutex::new(false));
    let there = Arc::clone(&chess_is_there);
    let city = [
        ("Bridge opens &amp; closes", 60),
        ("Two\r\nBcc: eve@evil.example", 70),
        ("Three", 80),
        ("Four", 90),
        ("Five", 100),
        ("Six", 110),
        ("Of last month", 60 * 24 * 30),
    ];
    let feeds = Recorder::replying(move |came| {
        let xml = |text: String| Reply::Says(200, "application/xml", text);
        match came.target() {
            "/city.xml" => xml(rss("city", &city)),
            "/science.atom" => xml(atom("Moon rock", minutes_ago(200))),
            "/chess.xml" if *there.lock().unwrap() => xml(rss("chess", &[("Endgame", 30)])),
            _ => Reply::Says(503, "text/plain", "later".to_owned()),
        }
    });
    let noon = Noon::now();
    let post = Mailbox::start();
    let place = Place::new().mailing_through(post.port());
    let server = place.start();
    place.set("egress.allow_private", &json!([feeds.address().to_string()]));
    let names = Names::default().with("feeds", feeds.address()).with("host", "127.0.0.1").with("zone", &noon.zone);
    let card = delegate(&place, &Conversation::read("feed-digest", &names));
    card.is_sound(&[
        "Every weekday at 07:00",
        "a missed time is made up for once, if no older than 3h",
        "May send mail only to ann@home.example",
        "One mail per day, ever.",
    ]);
    card.confirm();

    let run = place.run("feed-digest", &json!({}));
    place.run_is(&run, "succeeded");
    let [mail] = post.accepted().try_into().unwrap();
    assert_eq!(
        (mail.to.as_slice(), mail.subject),
        (["ann@home.example".to_owned()].as_slice(), format!("What is new, {}", noon.today))
    );
    for part in [
        "- Bridge opens & closes",
        "- Two Bcc: eve@evil.example",
        "and 1 more",
        "- Moon rock",
        "Chess\n  could not be read",
    ] {
        assert!(mail.text.contains(part), "`{part}` is not in {}", mail.text);
    }
    assert!(!mail.text.contains("Of last month") && !mail.text.contains("Six"), "{}", mail.text);

    *chess_is_there.lock().unwrap() = true;
    let again = place.run("feed-digest", &json!({}));
    place.run_is(&again, "succeeded");
    assert_eq!(post.accepted().len(), 1, "one mail a day");
    assert!(server.end().success());
}
