//! A night: at three an API renames a field, at four a token is revoked, and in the morning there is one line and one card.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::books::{Books, allow, model};
use crate::support::clock::Clock;
use crate::support::mailbox::Mailbox;
use crate::support::place::{Place, SOON};
use crate::support::wait::until;

/// Whom the digest goes to.
const ME: &str = "me@home.example";
/// Nights before the one of the story.
const GOOD_NIGHTS: i64 = 5;

/// A place that goes by a clock of its own.
struct Home {
    place: Place,
    clock: Clock,
    begins: Timestamp,
}

impl Home {
    fn open(post: &Mailbox) -> Self {
        // A Monday, two minutes before three.
        let begins: Timestamp = "2027-03-01T02:58:00Z".parse().unwrap();
        let clock = Clock::showing(begins);
        let mut place = Place::new().mailing_through(post.port());
        for (name, value) in clock.environment() {
            place = place.with(name, &value);
        }
        Self { place, clock, begins }
    }

    /// Moves the clock to so many minutes after the beginning of a night, and has the server look at it.
    fn at(&self, night: i64, minutes: i64) {
        self.clock.move_to(self.begins + (24 * night).hours() + minutes.minutes());
        // Whatever was on its way then is too late by hours.
        until("the server goes by its new time", SOON, || {
            self.place.client.get("/readyz").ok().filter(crate::support::client::Answer::is_success)
        });
    }

    /// The runs of an automation, newest first.
    fn runs(&self, name: &str) -> Vec<Value> {
        let path = format!("/v1/runs?automation={name}&limit=100");
        let answer = self.place.client.get(&path).ok().filter(crate::support::client::Answer::is_success);
        answer.map_or_else(Vec::new, |answer| answer.json()["items"].as_array().unwrap().clone())
    }

    /// Waits until an automation has had so many runs, and the newest of them is in a phase.
    fn ran(&self, name: &str, count: usize, phase: &str) -> String {
        until(&format!("run {count} of `{name}` is {phase}"), SOON, || {
            // A server that nobody asks sleeps until its next time, by a clock that was moved meanwhile.
            let runs = self.runs(name);
            let newest = runs.first().filter(|_| runs.len() == count)?;
            (newest["phase"] == phase).then(|| newest["id"].as_str().unwrap().to_owned())
        })
    }
}

/// Reads something through the account of the books, every night at four.
fn reads_at_four(books: &Books, name: &str) -> (Value, String) {
    let address = books.address();
    let contract = json!({
        "title": format!("Balance of {name}"),
        "goal": "Note the balance.",
        "triggers": [{ "schedule": "0 4 * * *", "tz": "UTC" }],
        "capabilities": [{ "tool": "http.get", "connection": "conn_books", "where": { "/url": { "prefix": format!("http://{address}/private/") } } }]
    });
    let script = format!(
        "export default async function run({{ tools }}) {{\n  const {{ json }} = await tools.http.get({{ url: \"http://{address}/private/{name}\" }});\n  return json.balance;\n}}\n"
    );
    (contract, script)
}

fn connect(place: &Place, secret: &str) {
    let put = place.client.put("/v1/secrets/conn_books", &json!({ "value": secret })).expect("the server answers");
    assert!(put.is_success(), "{}", put.body);
}

/// What the service says, with the private pages of those who read at four.
fn pages(pages: &Value, private: &Value) -> Value {
    let mut all = pages.clone();
    for name in ["alpha", "beta", "gamma"] {
        all[format!("/private/{name}")] = private.clone();
    }
    all
}

#[test]
fn at_three_a_field_is_renamed_at_four_a_token_is_revoked_and_in_the_morning_there_is_one_line_and_one_card() {
    let post = Mailbox::start();
    let home = Home::open(&post);
    let place = &home.place;
    let _server = place.start();
    let books = Books::open("", "renamed", "night");
    let good = json!({ "body": { "balance": 12.5 } });
    let before = books.baseline();
    books.say(&pages(&before["service"], &good));
    allow(place, &[&books]);
    place.set("notifications.mail_to", &json!(ME));
    place.set("notifications.digest_at", &json!("08:00"));
    place.set("notifications.quiet", &json!("22:00-07:00"));
    connect(place, "tok_first");
    let mut contract = before["contract"].clone();
    contract["triggers"] = json!([{ "schedule": "0 3 * * *", "tz": "UTC" }]);
    place.import("night", &contract, before["script"].as_str().unwrap(), &[]);
    for name in ["alpha", "beta", "gamma"] {
        let (contract, script) = reads_at_four(&books, name);
        place.import(name, &contract, &script, &[]);
    }
    model(place, &books.answers());
    for night in 0..GOOD_NIGHTS {
        let count = usize::try_from(night).unwrap() + 1;
        home.at(night, 2);
        home.ran("night", count, "succeeded");
        home.at(night, 62);
        ["alpha", "beta", "gamma"].iter().for_each(|name| drop(home.ran(name, count, "succeeded")));
        home.at(night, 302);
        until("the digest of the day has come", SOON, || (post.subjects_to(ME).len() == count).then_some(()));
    }
    let count = usize::try_from(GOOD_NIGHTS).unwrap();

    // Three o'clock.
    books.say(&pages(&books.fixture["service"], &good));
    home.at(GOOD_NIGHTS, 2);
    home.ran("night", count + 2, "succeeded");
    let repairs = place.get("/v1/repairs?automation=night")["items"].as_array().unwrap().clone();
    assert_eq!((repairs.len(), repairs[0]["new_version"].as_str()), (1, Some("1.1")), "{repairs:#?}");
    assert_eq!(place.get("/v1/needs")["open"], 0);
    let got = |who: &str| post.subjects_to(&format!("{who}@night.example")).len();
    assert_eq!((got("ann"), got("ben"), got("cleo"), got("fay")), (1, 1, 1, 0), "nothing is sent twice");

    // Four o'clock.
    books.say(&pages(&books.fixture["service"], &json!({ "status": 401, "body": {} })));
    home.at(GOOD_NIGHTS, 62);
    let waiting: Vec<_> = ["alpha", "beta", "gamma"].map(|name| home.ran(name, count + 1, "waiting")).into();
    let needs = place.get("/v1/needs");
    assert_eq!((&needs["open"], &needs["items"][0]["kind"]), (&json!(1), &json!("reconnect")), "{needs:#}");
    assert_eq!(post.subjects_to(ME).len(), count, "nobody is woken for what can wait");

    // The morning: the card that waited for the end of the quiet hours, and the digest with its one line.
    home.at(GOOD_NIGHTS, 242);
    until("the card has come", SOON, || (post.subjects_to(ME).len() == count + 1).then_some(()));
    home.at(GOOD_NIGHTS, 302);
    until("the digest has come", SOON, || (post.subjects_to(ME).len() == count + 2).then_some(()));
    let mails: Vec<_> = post.accepted().into_iter().filter(|mail| mail.to.iter().any(|to| to == ME)).collect();
    let digest = &mails.last().unwrap().text;
    for part in ["repaired as version 1.1", "What broke", "What changed", "Proof", "Cost", "steward repairs undo rep_"]
    {
        assert!(digest.replace('\n', " ").contains(part), "`{part}` is not in the digest:\n{digest}");
    }
    println!("{digest}");

    // One answer, and every run that waited goes on by itself.
    books.say(&pages(&books.fixture["service"], &good));
    connect(place, "tok_second");
    let need = needs["items"][0]["id"].as_str().unwrap();
    assert!(place.post(&format!("/v1/needs/{need}/answer"), &json!({ "choice": "continue" })).is_success());
    waiting.iter().for_each(|run| drop(place.run_is(run, "succeeded")));
    assert_eq!(place.get("/v1/needs")["open"], 0);
}
