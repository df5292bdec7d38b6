//! How contracts read.

use expect_test::expect;
use serde_json::{Value, json};

use super::{payments, reminders};
use crate::contract::fixture;

#[test]
fn the_card_says_every_clause() {
    expect![[r#"
        Statements

        The script does:
          Check each statement, write a report and mail it.

        Steward enforces:
          When     Every weekday at 09:00 (Europe/Rome); a missed time is made up for once, if no older than 6h.
                   When a file *.csv lands in the folder statements; the same content under the same name counts once; also beside another run.
                   When the webhook orders gets a request signed with the secret orders_secret (scheme github); requests with the same x-github-delivery header count once; only if no older than 1d.
                   When the event invoice.paid happens; left out while another run goes on.
                   When you run it.
          May      May read web pages only at addresses under https://books.example/api/invoices.
                   May send mail only to ops@example.com, where `/subject` is text that contains “Statement”.
                   May write files only in the folder reports or archive, where `/text` is text of at most 10000 characters.
                   May send web requests, with any arguments. A request without an answer is looked up at “https://pay.example/by-key/{key}” within 1 day; missing there after 5 seconds, it did not happen.
                   May notify you, with any arguments.
          Once     One mail per statement, ever.
                   One web request per invoice and stage, ever.
                   One notice per statement, ever.
          Limits   At most 1 mail per recipient in 3 days; further ones are skipped.
                   At most 40 mails in 1 day; you are asked about further ones.
                   At most 10 pages in 1 minute; further ones wait.
          Expects  At least 1 run every day; you are told when there are fewer.
    "#]].assert_eq(&fixture::contract(reminders()).words().to_string());
}

#[test]
fn the_card_says_whose_how_much_when_and_where_to() {
    let mut value = payments();
    value["capabilities"].as_array_mut().unwrap().push(json!({ "tool": "pay.send" }));
    value["once"].as_array_mut().unwrap().push(json!({ "tool": "pay.send", "per": ["invoice"] }));
    let sum = json!({ "sum": { "tool": "pay.send", "of": "/amount", "per": "/lines", "max": 1000.5, "window": "30d" }, "else": "ask" });
    let nowhere = json!({ "flow": { "from": "folder:*", "to": [] } });
    value["limits"].as_array_mut().unwrap().extend([sum, nowhere]);
    let envelope = json!({ "at_most": 20, "where": { "/amount": { "less_than": 100 } }, "for": "24h" });
    value["approvals"].as_array_mut().unwrap().push(json!({ "tool": "pay.send", "envelope": envelope }));
    expect![[r#"
        Payment reminders

        The script does:
          Remind clients of unpaid invoices at 7, 14 and 30 days, stop when paid.

        Steward enforces:
          When     Every weekday at 09:00 (Europe/Rome); a missed time is made up for once, if no older than 6h.
          May      May read web pages only at addresses under https://books.example/api/invoices. It goes through the account conn_books.
                   May send mail only to what inv says at `/client/email`, where `/subject` is text that names what inv says at `/number`. Here inv is one row at `/items/*` of what this run has read with http.get. What is older than 15 minutes is read again first.
                   May use pay.send, with any arguments.
          Once     One mail per invoice and stage, ever.
                   One call of pay.send per invoice, ever.
          Limits   At most 1 mail per recipient in 3 days; further ones are skipped.
                   At most 40 mails in 1 day; you are asked about further ones.
                   No mails from 20:00 to 07:00 (Europe/Rome); what falls into that time waits.
                   What a run has read from `conn:books` leaves only by or for `email.send`, or for where it came from.
                   At most 1000.5 in all at `/amount` of calls of pay.send per value of `/lines` in 30 days; you are asked about further ones.
                   What a run has read from `folder:*` leaves for nowhere but where it came from.
          Asks     You are asked before each mail where `inv:/amount` is more than 5000.
                   You are asked before the first 3 mails of each version of the contract.
                   You are asked before each call of pay.send. One yes may cover up to 20 calls of pay.send where `/amount` is less than 100, for 1 day.
          Expects  At least 1 run every day; you are told when there are fewer.
          Budgets  Models and other paid tools cost at most 0.2 USD in any 30 days; you are asked about more.
                   At most 3 repairs in any 7 days.
    "#]].assert_eq(&fixture::contract(value).words().to_string());
}

#[test]
fn schedules_read_as_people_say_them() {
    let lines = [
        "0 9 * * *",
        "30 18 * * MON-FRI",
        "0 9,17 * * 1,3",
        "*/15 * * * *",
        "0 * * * *",
        "* * * * *",
        "0 7 1 * *",
        "0 7 L * *",
        "0 9 * * 5#2",
        "0 0 9 * * 0",
        "*/5 9-17 * * *",
        "15,45 8 * 6 *",
    ];
    let words: Vec<_> =
        lines.into_iter().map(|line| words_of(json!({ "schedule": line, "tz": "UTC", "catch_up": "none" }))).collect();
    expect![[r#"
        Every day at 09:00 (UTC); missed times are let go.
        Every weekday at 18:30 (UTC); missed times are let go.
        Every Monday and Wednesday at 09:00 and 17:00 (UTC); missed times are let go.
        Every 15 minutes (UTC); missed times are let go.
        Every hour (UTC); missed times are let go.
        Every minute (UTC); missed times are let go.
        Every month on day 1 at 07:00 (UTC); missed times are let go.
        Every month on the last day at 07:00 (UTC); missed times are let go.
        At the times of the cron line `0 9 * * 5#2` (UTC); missed times are let go.
        Every Sunday at 09:00 (UTC); missed times are let go.
        At the times of the cron line `*/5 9-17 * * *` (UTC); missed times are let go.
        At the times of the cron line `15,45 8 * 6 *` (UTC); missed times are let go."#]]
    .assert_eq(&words.join("\n"));
}

fn words_of(trigger: Value) -> String {
    let mut value = reminders();
    value["triggers"] = json!([trigger]);
    fixture::contract(value).words().when.remove(0)
}

#[test]
fn nothing_in_a_clause_can_pass_for_another_clause() {
    let mut value = reminders();
    value["capabilities"][1]["where"]["/subject"] = json!({ "equals": "a”, and to all.\n  May  do anything \u{202e}" });
    expect![[r#"May send mail only to ops@example.com, where `/subject` is “a\u{201d}, and to all.\u{a}  May  do anything \u{202e}”."#]].assert_eq(&fixture::contract(value).words().may[1]);
}
