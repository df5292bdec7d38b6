//! Calls that are bound to rows: A's invoice does not go to B.

use serde_json::{Value, json};

use super::call;
use crate::Timestamp;
use crate::contract::{Contract, fixture};
use crate::effect::Key;
use crate::gate::reason::{NO_ROW, ROWS_TOO_MANY};
use crate::gate::{Circumstances, ROWS_MAX, Read, Verdict, decide};
use crate::label::Labels;
use crate::tool::Name;

const MINUTE: i64 = 60_000;

fn contract() -> Contract {
    fixture::contract(json!({
        "title": "Reminders", "goal": "Remind.", "triggers": [{ "manual": true }],
        "capabilities": [
            { "tool": "http.get" },
            { "tool": "email.send",
              "bind": { "inv": { "row_of": "http.get", "at": "/items/*", "where": { "/url": { "prefix": "https://books.example" } } } },
              "where": { "/to": { "same_as": "inv:/email" }, "/subject": { "contains": "inv:/number" }, "inv:/status": { "equals": "unpaid" } },
              "fresh_for": "15m" }
        ],
        "once": [{ "tool": "email.send", "per": ["invoice"] }]
    }))
}

/// Two invoices, as the books have them.
fn invoices() -> Value {
    json!({ "items": [
        { "number": "A-17", "email": "ann@client.example", "status": "unpaid" },
        { "number": "A-170", "email": "bob@client.example", "status": "unpaid" }
    ] })
}

/// What the gate says ten minutes after noon to a mail, when these results were read so many minutes after noon.
fn said(mail: &Value, reads: &[(u32, &str, Value, i64)], reread: &[u32]) -> Verdict {
    let tool: Name = "http.get".parse().unwrap();
    let arguments: Vec<_> = reads.iter().map(|(_, url, _, _)| json!({ "url": url })).collect();
    let reads: Vec<_> = reads
        .iter()
        .zip(&arguments)
        .map(|((call, _, value, at), arguments)| Read {
            call: *call,
            tool: &tool,
            arguments,
            value,
            at: Timestamp::from_millis(at * MINUTE),
        })
        .collect();
    let (labels, key) = (Labels::new(), Key::parse(&json!({ "invoice": 1 })).unwrap());
    let now = Timestamp::from_millis(10 * MINUTE);
    let world = Circumstances { now, major: 1, reads: &reads, reread, labels: &labels };
    decide(&contract(), &call(&fixture::definition("email.send"), mail, Some(&key)), &world)
}

fn mail(to: &str, subject: &str) -> Value {
    json!({ "to": to, "subject": subject })
}

fn code(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Deny { reasons } => reasons[0].code,
        Verdict::Stale { .. } => "stale",
        Verdict::NeedsFreshRead { .. } => "read again",
        Verdict::Pass(_) => "pass",
    }
}

const BOOKS: &str = "https://books.example/api";

#[test]
fn every_part_of_a_mail_comes_from_one_row() {
    let read = [(0, BOOKS, invoices(), 9)];
    let says = |to: &str, subject: &str| code(&said(&mail(to, subject), &read, &[]));
    assert_eq!(says("ann@client.example", "Invoice A-17"), "pass");
    assert_eq!(says("Ann <ann@Client.example>", "Invoice A-17."), "pass");
    assert_eq!(says("bob@client.example", "Invoice A-17"), NO_ROW);
    // A-17 is in A-170 as letters, and not as a number.
    assert_eq!(says("ann@client.example", "Invoice A-170"), NO_ROW);
    assert_eq!(says("eve@evil.example", "Invoice A-17"), NO_ROW);
    let copied = json!({ "to": "ann@client.example", "cc": "eve@evil.example", "subject": "Invoice A-17" });
    assert_eq!(code(&said(&copied, &read, &[])), NO_ROW);
}

#[test]
fn rows_of_elsewhere_and_rows_that_say_nothing_bind_nothing() {
    let from =
        |url: &str, rows: Value| code(&said(&mail("ann@client.example", "Invoice A-17"), &[(0, url, rows, 9)], &[]));
    assert_eq!(from("https://evil.example/api", invoices()), NO_ROW);
    for row in [
        json!({ "number": "", "email": "ann@client.example", "status": "unpaid" }),
        json!({ "number": " ", "email": "ann@client.example", "status": "unpaid" }),
        json!({ "number": null, "email": "ann@client.example", "status": "unpaid" }),
        json!({ "number": ["A-17"], "email": "ann@client.example", "status": "unpaid" }),
        json!({ "email": "ann@client.example", "status": "unpaid" }),
        json!({ "number": "A-17", "email": "ann@client.example", "status": "paid" }),
    ] {
        assert_eq!(from(BOOKS, json!({ "items": [row] })), NO_ROW, "{row}");
    }
}

#[test]
fn what_was_read_too_long_ago_is_read_again_and_then_stale() {
    let mail = mail("ann@client.example", "Invoice A-17");
    let old = || (3, BOOKS, invoices(), -6);
    assert_eq!(code(&said(&mail, &[(3, BOOKS, invoices(), -5)], &[])), "pass");
    assert!(matches!(said(&mail, &[old()], &[]), Verdict::NeedsFreshRead { call: 3, .. }));
    assert_eq!(code(&said(&mail, &[old(), (3, BOOKS, invoices(), 10)], &[3])), "pass");
    let paid = json!({ "items": [{ "number": "A-17", "email": "ann@client.example", "status": "paid" }] });
    assert!(matches!(said(&mail, &[old(), (3, BOOKS, paid, 10)], &[3]), Verdict::Stale { call: 3, .. }));
    // The clock was set back since: how old the row is nobody knows.
    assert_eq!(code(&said(&mail, &[(3, BOOKS, invoices(), 11)], &[])), "read again");
}

#[test]
fn more_rows_than_a_person_could_mean_are_refused() {
    let rows = |count: usize| json!({ "items": vec![invoices()["items"][0].clone(); count] });
    let mail = mail("ann@client.example", "Invoice A-17");
    assert_eq!(code(&said(&mail, &[(0, BOOKS, rows(ROWS_MAX), 9)], &[])), "pass");
    let too_many = [(0, BOOKS, rows(ROWS_MAX), 9), (1, BOOKS, rows(1), 9)];
    assert_eq!(code(&said(&mail, &too_many, &[])), ROWS_TOO_MANY);
}
