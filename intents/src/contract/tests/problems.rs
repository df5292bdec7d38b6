//! What is refused, and what is said then.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use super::reminders;
use crate::contract::{CODES, Contract, fixture};

/// Changes one place of a good contract and tells the problems.
fn check(pointer: &str, change: Value, expected: Expect) {
    let mut value = reminders();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(members) => drop(members.insert(key.to_owned(), change)),
        Value::Array(items) if key == "-" => items.push(change),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = change,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("{pointer} leads nowhere"),
    }
    let problems = Contract::from_value(&value, &fixture::vocabulary()).unwrap_err();
    assert!(problems.iter().all(|problem| CODES.iter().any(|(code, _)| *code == problem.code)));
    expected.assert_eq(&problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_the_format_does_not_have_is_refused_by_name() {
    check(
        "/capabilites",
        json!([]),
        expect![
            "CONTRACT_UNKNOWN_KEY at /capabilites: there is no key `capabilites` here; did you mean `capabilities`? the keys are `title`, `goal`, `triggers`, `capabilities`, `once`, `limits`, `expect`"
        ],
    );
    check(
        "/approvals",
        json!([]),
        expect![
            "CONTRACT_UNKNOWN_KEY at /approvals: there is no key `approvals` here; the keys are `title`, `goal`, `triggers`, `capabilities`, `once`, `limits`, `expect`"
        ],
    );
    check(
        "/capabilities/1/fresh_for",
        json!("15m"),
        expect![
            "CONTRACT_UNKNOWN_KEY at /capabilities/1/fresh_for: there is no key `fresh_for` here; the keys are `tool`, `where`, `identity`"
        ],
    );
    check(
        "/capabilities/1/where/x",
        json!({}),
        expect![
            "CONTRACT_POINTER_MALFORMED at /capabilities/1/where/x: `x` is not a JSON pointer: it is empty or starts with `/`"
        ],
    );
    check(
        "/limits/0",
        json!({ "quiet_hours": {}, "else": "wait" }),
        expect![[r#"
        CONTRACT_UNKNOWN_KEY at /limits/0/quiet_hours: there is no key `quiet_hours` here; the keys are `rate`, `else`
        CONTRACT_KEY_MISSING at /limits/0: the key `rate` is missing here"#]],
    );
    check(
        "/triggers/4",
        json!({ "manual": true, "catch_up": "all" }),
        expect![
            "CONTRACT_UNKNOWN_KEY at /triggers/4/catch_up: there is no key `catch_up` here; the keys are `manual`, `useful_for`, `overlap`"
        ],
    );
}

#[test]
fn schedules_that_mean_nothing_are_refused() {
    check(
        "/triggers/0/schedule",
        json!("0 0 30 2 *"),
        expect![
            "CONTRACT_CRON_NEVER_FIRES at /triggers/0/schedule: `0 0 30 2 *` never fires, or less than once in eight years"
        ],
    );
    check(
        "/triggers/0/schedule",
        json!("soon"),
        expect![
            "CONTRACT_CRON_MALFORMED at /triggers/0/schedule: `soon` is no cron line of five or six fields, such as `0 9 * * 1-5`: it does not have five or six fields"
        ],
    );
    check(
        "/triggers/0/tz",
        json!("Europe/Roma"),
        expect![
            "CONTRACT_TZ_UNKNOWN at /triggers/0/tz: `Europe/Roma` is no time zone of the IANA database, such as `Europe/Rome` or `UTC`"
        ],
    );
    check(
        "/triggers/0/useful_for",
        json!("six hours"),
        expect![
            "CONTRACT_SPAN_MALFORMED at /triggers/0/useful_for: `six hours` is not a length of time such as `90s`, `15m`, `72h`, `1d` or `1h30m`"
        ],
    );
    check(
        "/triggers/0",
        json!({ "schedule": "0 9 * * *", "tz": "UTC", "catch_up": "all" }),
        expect![[
            r#"CONTRACT_USEFUL_FOR_MISSING at /triggers/0: making up for all missed times needs a bound; add for example "useful_for": "1d""#
        ]],
    );
    check(
        "/triggers/0",
        json!({ "schedule": "0 9 * * *" }),
        expect!["CONTRACT_KEY_MISSING at /triggers/0: the key `tz` is missing here"],
    );
    check(
        "/triggers/0",
        json!({ "event": "a", "manual": true }),
        expect![
            "CONTRACT_KEY_MISSING at /triggers/0: a trigger is an object with exactly one of the keys `schedule`, `file`, `webhook`, `event`, `manual`"
        ],
    );
    check(
        "/triggers/-",
        json!({ "manual": true }),
        expect!["CONTRACT_DUPLICATE at /triggers/5: this says the same as /triggers/4"],
    );
    let second = json!({ "webhook": { "name": "orders", "secret": "other", "signature": "steward" } });
    check(
        "/triggers/-",
        second,
        expect![
            "CONTRACT_DUPLICATE at /triggers/5/webhook/name: there is a webhook `orders` before; name this one otherwise"
        ],
    );
    check(
        "/triggers",
        json!([]),
        expect![[
            r#"CONTRACT_EMPTY at /triggers: nothing starts this automation; add a trigger such as {"manual": true}"#
        ]],
    );
}

#[test]
fn capabilities_speak_of_tools_and_arguments_that_exist() {
    check(
        "/capabilities/4/tool",
        json!("email.sent"),
        expect![[r#"
        CONTRACT_TOOL_UNKNOWN at /capabilities/4/tool: there is no tool `email.sent`; did you mean `email.send`? `steward tools list` shows all
        CONTRACT_TOOL_NOT_GRANTED at /once/2: no capability grants `notify.user`; grant it or leave the clause out"#]],
    );
    check(
        "/capabilities/4/tool",
        json!("state.get"),
        expect![[r#"
        CONTRACT_TOOL_ALWAYS_ALLOWED at /capabilities/4/tool: every script may use `state.get`; leave the clause out
        CONTRACT_TOOL_NOT_GRANTED at /once/2: no capability grants `notify.user`; grant it or leave the clause out"#]],
    );
    check(
        "/capabilities/1/where",
        json!({ "/too": { "equals": "x" }, "to": { "equals": "x" } }),
        expect![[r#"
            CONTRACT_POINTER_UNKNOWN at /capabilities/1/where/~1too: `email.send` has no argument at `/too`; did you mean `/to`? its arguments are /to, /cc, /subject, /text
            CONTRACT_POINTER_MALFORMED at /capabilities/1/where/to: `to` is not a JSON pointer: it is empty or starts with `/`"#]],
    );
    check(
        "/capabilities/1/where",
        json!({ "/to": { "equals": "x", "prefix": "y" }, "/subject": {} }),
        expect![[r#"
        CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/~1to: a condition has exactly one of `equals`, `one_of`, `prefix`, `contains`, `matches`, `greater_than`, `less_than`, `at_most_length`
        CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/~1subject: a condition has exactly one of `equals`, `one_of`, `prefix`, `contains`, `matches`, `greater_than`, `less_than`, `at_most_length`"#]],
    );
    check(
        "/capabilities/1/where",
        json!({ "/to": { "greater_than": 5 }, "/subject": { "matches": "(" } }),
        expect![[r#"
        CONTRACT_CONDITION_UNFIT at /capabilities/1/where/~1to/greater_than: this can never hold: the argument is never a number
        CONTRACT_PATTERN_MALFORMED at /capabilities/1/where/~1subject/matches: regex parse error:
            (
            ^
        error: unclosed group"#]],
    );
    check(
        "/capabilities/1/where",
        json!({ "/to": { "same_as": "inv:/client/email" } }),
        expect![[r#"
        CONTRACT_UNKNOWN_KEY at /capabilities/1/where/~1to/same_as: there is no key `same_as` here; the keys are `equals`, `one_of`, `prefix`, `contains`, `matches`, `greater_than`, `less_than`, `at_most_length`
        CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/~1to: a condition has exactly one of `equals`, `one_of`, `prefix`, `contains`, `matches`, `greater_than`, `less_than`, `at_most_length`"#]],
    );
    check(
        "/capabilities/0/where",
        json!({ "/url": { "prefix": "https://u:p@Books.example/../x" } }),
        expect![
            "CONTRACT_ADDRESS_MALFORMED at /capabilities/0/where/~1url/prefix: `https://u:p@Books.example/../x`: it has a user name or password before the host; write it like `https://books.example/api`"
        ],
    );
    check(
        "/capabilities/1/where",
        json!({ "/to": { "one_of": [] }, "/text": { "equals": 9007199254740993u64 } }),
        expect![[r#"
        CONTRACT_EMPTY at /capabilities/1/where/~1to/one_of: nothing is one of none; list at least one value
        CONTRACT_VALUE at /capabilities/1/where/~1text/equals: no script can hold this number exactly; use a text or a rounder one"#]],
    );
    check(
        "/capabilities/3/identity",
        json!({ "queryable": { "url": "https://pay.example/{key}", "absent_after": "2d", "window": "1d" } }),
        expect![
            "CONTRACT_VALUE at /capabilities/3/identity/queryable: absence must prove something while the service can still be asked: make `absent_after` shorter than `window`"
        ],
    );
    check(
        "/capabilities/0/where",
        json!({ "/url": { "equals": "HTTPS://books.example" } }),
        expect![
            "CONTRACT_ADDRESS_MALFORMED at /capabilities/0/where/~1url/equals: `HTTPS://books.example`: it is not written in its one plain form"
        ],
    );
    check(
        "/triggers/1/file/match",
        json!("../*"),
        expect![[
            r#"CONTRACT_GLOB_MALFORMED at /triggers/1/file/match: a file pattern has 1 to 128 bytes, no `\`, and does not leave its folder"#
        ]],
    );
    check(
        "/capabilities/1/identity",
        json!({ "keyed": { "header": "Idempotency-Key", "window": "1d" } }),
        expect![
            "CONTRACT_IDENTITY_UNFIT at /capabilities/1/identity: `email.send` knows its own identity; only `http.request` takes one"
        ],
    );
    check(
        "/capabilities/3/identity",
        json!({ "queryable": { "url": "http://{key}.example/", "absent_after": "2d", "window": "1d" } }),
        expect![
            "CONTRACT_ADDRESS_MALFORMED at /capabilities/3/identity/queryable/url: this must be a plain `https://` address with `{key}` once in its path or query"
        ],
    );
}

#[test]
fn every_effect_has_one_key_and_no_read_has_any() {
    check(
        "/once/0",
        json!({ "tool": "email.send", "per": [] }),
        expect![[r#"CONTRACT_EMPTY at /once/0/per: name at least one part, such as "invoice""#]],
    );
    check(
        "/once",
        json!([{ "tool": "email.send", "per": ["a"] }]),
        expect![[r#"
        CONTRACT_ONCE_MISSING at /capabilities/3/tool: `http.request` changes something outside and cannot simply be repeated; say under which key it happens once: "once": [{ "tool": "http.request", "per": ["invoice"] }]
        CONTRACT_ONCE_MISSING at /capabilities/4/tool: `notify.user` changes something outside and cannot simply be repeated; say under which key it happens once: "once": [{ "tool": "notify.user", "per": ["invoice"] }]"#]],
    );
    check(
        "/once/-",
        json!({ "tool": "email.send", "per": ["a", "a"] }),
        expect![[r#"
        CONTRACT_DUPLICATE at /once/3/per/1: the part `a` is named before
        CONTRACT_DUPLICATE at /once/3: there is a clause for `email.send` before; a tool has one key"#]],
    );
    check(
        "/once/-",
        json!({ "tool": "http.get", "per": ["Page No"] }),
        expect![[r#"
        CONTRACT_VALUE at /once/3/per/0: the name of a part starts with a lower-case letter and has at most 32 letters, digits and `_`
        CONTRACT_ONCE_UNFIT at /once/3: `http.get` can be repeated without harm and takes no key; leave the clause out"#]],
    );
    check(
        "/once/-",
        json!({ "tool": "files.write", "per": ["file"] }),
        expect![
            "CONTRACT_ONCE_UNFIT at /once/3: `files.write` can be repeated without harm and takes no key; leave the clause out"
        ],
    );
    check(
        "/once/-",
        json!({ "tool": "pay.send", "per": ["invoice"] }),
        expect![
            "CONTRACT_TOOL_NOT_GRANTED at /once/3: no capability grants `pay.send`; grant it or leave the clause out"
        ],
    );
}

#[test]
fn limits_and_expectations_are_bounds() {
    check(
        "/limits/0/rate/max",
        json!(0),
        expect!["CONTRACT_VALUE at /limits/0/rate/max: this must be a whole number from 1 to 1000000"],
    );
    check(
        "/limits/0/rate/per",
        json!("/bcc"),
        expect![
            "CONTRACT_POINTER_UNKNOWN at /limits/0/rate/per: `email.send` has no argument at `/bcc`; did you mean `/cc`? its arguments are /to, /cc, /subject, /text"
        ],
    );
    check(
        "/limits/0/rate/tool",
        json!("pay.send"),
        expect![
            "CONTRACT_POINTER_UNKNOWN at /limits/0/rate/per: `pay.send` has no argument at `/to`; its arguments are /amount, /lines"
        ],
    );
    check(
        "/limits/0/else",
        json!("drop"),
        expect![[r#"CONTRACT_VALUE at /limits/0/else: this must be one of "wait", "skip", "ask""#]],
    );
    check(
        "/limits/-",
        json!({ "rate": { "tool": "email.send", "max": 40, "window": "24h" }, "else": "ask" }),
        expect!["CONTRACT_DUPLICATE at /limits/3: this says the same as /limits/1"],
    );
    check(
        "/expect/0",
        json!({ "runs": { "per": "0s", "at_least": 1.5 } }),
        expect![[r#"
        CONTRACT_SPAN_MALFORMED at /expect/0/runs/per: `0s` is not a length of time such as `90s`, `15m`, `72h`, `1d` or `1h30m`
        CONTRACT_VALUE at /expect/0/runs/at_least: this must be a whole number from 1 to 1000000"#]],
    );
}

#[test]
fn texts_are_bounded_and_plain() {
    check("/title", json!(" "), expect!["CONTRACT_EMPTY at /title: this text says nothing; write something"]);
    check("/title", json!("a\nb"), expect!["CONTRACT_VALUE at /title: a title is one line"]);
    check(
        "/goal",
        json!("x".repeat(3000)),
        expect!["CONTRACT_TOO_LARGE at /goal: this text has 3000 bytes; at most 2000 fit"],
    );
    check(
        "/goal",
        json!("bell\u{7}"),
        expect!["CONTRACT_VALUE at /goal: this text holds control characters; leave them out"],
    );
    check("/title", json!(7), expect!["CONTRACT_TYPE at /title: this must be a text"]);
}
