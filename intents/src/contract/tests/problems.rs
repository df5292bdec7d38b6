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
            "CONTRACT_UNKNOWN_KEY at /capabilites: there is no key `capabilites` here; did you mean `capabilities`? the keys are `title`, `goal`, `triggers`, `capabilities`, `once`, `limits`, `approvals`, `expect`, `budgets`"
        ],
    );
    check(
        "/capabilities/1/freshfor",
        json!("15m"),
        expect![
            "CONTRACT_UNKNOWN_KEY at /capabilities/1/freshfor: there is no key `freshfor` here; did you mean `fresh_for`? the keys are `tool`, `connection`, `bind`, `where`, `fresh_for`, `identity`"
        ],
    );
    check(
        "/limits/0",
        json!({ "quiet_hours": {}, "else": "wait" }),
        expect![[r#"
        CONTRACT_KEY_MISSING at /limits/0/quiet_hours: the key `tool` is missing here
        CONTRACT_KEY_MISSING at /limits/0/quiet_hours: the key `from` is missing here
        CONTRACT_KEY_MISSING at /limits/0/quiet_hours: the key `to` is missing here"#]],
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
fn rows_are_bound_before_they_are_spoken_of() {
    check(
        "/capabilities/1/fresh_for",
        json!("15m"),
        expect![
            "CONTRACT_BIND_UNFIT at /capabilities/1/fresh_for: there is no row that could be too old; bind one, or leave this out"
        ],
    );
    check(
        "/capabilities/1/where/inv:~1x",
        json!({ "equals": 1 }),
        expect![
            "CONTRACT_POINTER_MALFORMED at /capabilities/1/where/inv:~01x: `inv:~1x` is not a JSON pointer: it is empty or starts with `/`"
        ],
    );
    check(
        "/capabilities/1",
        json!({ "tool": "email.send", "bind": { "inv": { "row_of": "http.get", "at": "/items/*" } }, "where": { "/to": { "same_as": "inw:/email" }, "/subject": { "contains": "inv:/items/*" } } }),
        expect![[r#"
            CONTRACT_ROW_UNKNOWN at /capabilities/1/where/~1to/same_as: no row is bound as `inw`; did you mean `inv`? bind it with "bind": { "inw": { "row_of": …, "at": … } }
            CONTRACT_POINTER_MALFORMED at /capabilities/1/where/~1subject/contains: `inv:/items/*` names several places with `*`; a place in a row is one
            CONTRACT_BIND_UNFIT at /capabilities/1/bind/inv: no condition speaks of the row `inv`; say what it has to do with the call, such as "/to": { "same_as": "inv:/email" }"#]],
    );
    check(
        "/capabilities/1",
        json!({ "tool": "email.send", "bind": { "inv": { "row_of": "http.get", "at": "/items/*" } }, "where": { "inv:/a": { "same_as": "inv:/b" }, "/to": { "same_as": "ops@example.com" } } }),
        expect![[r#"
            CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/inv:~1a/same_as: what stands in a row is compared with constants; compare an argument with a row instead
            CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/~1to/same_as: this must be a place in a bound row, such as "inv:/client/email"; `equals` takes constants
            CONTRACT_BIND_UNFIT at /capabilities/1/bind/inv: no condition speaks of the row `inv`; say what it has to do with the call, such as "/to": { "same_as": "inv:/email" }"#]],
    );
    check(
        "/capabilities/1/bind",
        json!({ "inv": { "row_of": "http.get", "at": "items" }, "http": {}, "a": { "row_of": "pay.send", "at": "" }, "b": { "row_of": "state.get", "at": "" }, "c": { "row_of": "files.read", "at": "", "where": { "/nowhere": {} } } }),
        expect![[r#"
            CONTRACT_TOO_LARGE at /capabilities/1/bind: there are 5 entries; at most 4 fit
            CONTRACT_POINTER_MALFORMED at /capabilities/1/bind/inv/at: `items` is not a JSON pointer: it is empty or starts with `/`
            CONTRACT_VALUE at /capabilities/1/bind/http: `http` is no name for a row: lower-case letters, digits and `_`, a letter first, at most 32, and not the start of an address such as `http`
            CONTRACT_BIND_UNFIT at /capabilities/1/bind/a/row_of: `pay.send` changes something; rows come from tools that read
            CONTRACT_BIND_UNFIT at /capabilities/1/bind/b/row_of: what a script has written itself vouches for nothing; bind rows that come from outside"#]],
    );
}

#[test]
fn a_connection_says_where_its_credential_goes() {
    check(
        "/capabilities/1/connection",
        json!("conn_mail"),
        expect![
            "CONTRACT_CONNECTION_UNFIT at /capabilities/1/connection: `email.send` uses no connection; leave this out"
        ],
    );
    check(
        "/capabilities/0",
        json!({ "tool": "http.get", "connection": "conn_books" }),
        expect![
            "CONTRACT_CONNECTION_UNFIT at /capabilities/0/connection: a credential goes to hosts that the contract names and to no others; add a condition on `/url` with `equals`, `one_of` or `prefix`"
        ],
    );
    check(
        "/capabilities/0/connection",
        json!("books"),
        expect![
            "CONTRACT_VALUE at /capabilities/0/connection: `books` is no name of a connection: `conn_` and then lower-case letters, digits, `-` and `_`"
        ],
    );
}

#[test]
fn limits_that_mean_nothing_are_refused() {
    check(
        "/limits/0",
        json!({ "sum": { "tool": "email.send", "of": "/subject", "max": -1, "window": "2000d" }, "else": "skip" }),
        expect![[r#"
            CONTRACT_VALUE at /limits/0/sum/max: this must be a number that is not negative, with at most six digits behind the point
            CONTRACT_VALUE at /limits/0/sum/window: what happened is counted for a year; make the window at most 366d"#]],
    );
    check(
        "/limits/0",
        json!({ "sum": { "tool": "email.send", "of": "/amount", "max": 0.1234567, "window": "1d" }, "else": "drop" }),
        expect![[r#"
            CONTRACT_VALUE at /limits/0/else: this must be one of "wait", "skip", "ask"
            CONTRACT_VALUE at /limits/0/sum/max: this must be a number that is not negative, with at most six digits behind the point
            CONTRACT_POINTER_UNKNOWN at /limits/0/sum/of: `email.send` has no argument at `/amount`; its arguments are /to, /cc, /subject, /text"#]],
    );
    check(
        "/limits/0",
        json!({ "quiet_hours": { "tool": "email.send", "from": "24:00", "to": "7" }, "else": "wait" }),
        expect![[r#"
            CONTRACT_VALUE at /limits/0/quiet_hours/from: `24:00` is no time of the day from `00:00` to `23:59`
            CONTRACT_VALUE at /limits/0/quiet_hours/to: `7` is no time of the day from `00:00` to `23:59`"#]],
    );
    check(
        "/limits/0",
        json!({ "quiet_hours": { "tool": "email.send", "from": "07:00", "to": "07:00", "tz": "Europe/Roma" }, "else": "wait" }),
        expect![
            "CONTRACT_TZ_UNKNOWN at /limits/0/quiet_hours/tz: `Europe/Roma` is no time zone of the IANA database, such as `Europe/Rome` or `UTC`"
        ],
    );
    check(
        "/limits/0",
        json!({ "flow": { "from": "books", "to": ["email.send", "email.send", "files.write", "folder:x", "pay.send", "http:*"] } }),
        expect![[r#"
            CONTRACT_LABEL_MALFORMED at /limits/0/flow/from: `books` is neither a label such as `http:books.example` or `http:*` (they start with `http:`, `conn:`, `folder:`, `webhook:`, `event:`, `mail:`) nor a connection of this contract
            CONTRACT_DUPLICATE at /limits/0/flow/to/1: `email.send` is named before
            CONTRACT_SINK_UNFIT at /limits/0/flow/to/2: calls of `files.write` do not leave the machine; data may always go there
            CONTRACT_SINK_UNFIT at /limits/0/flow/to/3: `folder:x` is no place that data can leave for, such as `http:books.example` or `mail:example.com`"#]],
    );
    check(
        "/limits/0",
        json!({ "flow": { "from": "http:*", "to": [] }, "else": "skip" }),
        expect!["CONTRACT_UNKNOWN_KEY at /limits/0/else: there is no key `else` here; the keys are `flow`"],
    );
    check(
        "/limits/0",
        json!({ "rate": {}, "sum": {} }),
        expect![
            "CONTRACT_KEY_MISSING at /limits/0: a limit is an object with exactly one of the keys `rate`, `sum`, `quiet_hours`, `flow`"
        ],
    );
}

#[test]
fn an_approval_is_never_a_blank_cheque() {
    check(
        "/approvals",
        json!([{ "tool": "http.get" }, { "tool": "pay.send", "first": 0 }, { "tool": "email.send", "when": {}, "envelope": {} }, { "tool": "email.send", "envelope": { "at_most": 20, "where": {}, "for": "1d" } }]),
        expect![[r#"
            CONTRACT_APPROVAL_UNFIT at /approvals/0/tool: `http.get` only reads; what changes nothing needs no yes
            CONTRACT_VALUE at /approvals/1/first: this must be a whole number from 1 to 1000000
            CONTRACT_EMPTY at /approvals/2/when: without conditions every call asks; leave `when` out
            CONTRACT_KEY_MISSING at /approvals/2/envelope: the key `at_most` is missing here
            CONTRACT_KEY_MISSING at /approvals/2/envelope: the key `where` is missing here
            CONTRACT_KEY_MISSING at /approvals/2/envelope: the key `for` is missing here
            CONTRACT_EMPTY at /approvals/3/envelope/where: one yes to several calls says which; add a condition
            CONTRACT_TOOL_NOT_GRANTED at /approvals/1/tool: no capability grants `pay.send`; grant it or leave the clause out"#]],
    );
    check(
        "/approvals",
        json!([{ "tool": "email.send", "when": { "inv:/amount": { "greater_than": 5000 } } }]),
        expect![[
            r#"CONTRACT_ROW_UNKNOWN at /approvals/0/when/inv:~1amount: no row is bound as `inv`; bind it with "bind": { "inv": { "row_of": …, "at": … } }"#
        ]],
    );
    check(
        "/budgets",
        json!({ "model_cost_per_month": "0.20 EUR", "repairs_per_week": -1, "runs": 1 }),
        expect![[r#"
            CONTRACT_UNKNOWN_KEY at /budgets/runs: there is no key `runs` here; the keys are `model_cost_per_month`, `repairs_per_week`
            CONTRACT_VALUE at /budgets/model_cost_per_month: `0.20 EUR` is no amount in US dollars such as "0.20 USD"
            CONTRACT_VALUE at /budgets/repairs_per_week: this must be a whole number from 0 to 1000000"#]],
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
            CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/~1to: a condition has exactly one of `equals`, `one_of`, `same_as`, `prefix`, `contains`, `matches`, `greater_than`, `less_than`, `at_most_length`
            CONTRACT_CONDITION_MALFORMED at /capabilities/1/where/~1subject: a condition has exactly one of `equals`, `one_of`, `same_as`, `prefix`, `contains`, `matches`, `greater_than`, `less_than`, `at_most_length`"#]],
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
        expect![[
            r#"CONTRACT_ROW_UNKNOWN at /capabilities/1/where/~1to/same_as: no row is bound as `inv`; bind it with "bind": { "inv": { "row_of": …, "at": … } }"#
        ]],
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
