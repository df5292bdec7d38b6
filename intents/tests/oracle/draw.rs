//! Cases: contracts that parse, and calls that come near to them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::plain::{Call, Read};

/// A row of dice (SplitMix64): the same seed throws the same.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def0)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn some<'a, T>(&mut self, of: &'a [T], least: usize, most: usize) -> Vec<&'a T> {
        let count = least + self.below(most - least + 1);
        let mut places = BTreeSet::new();
        while places.len() < count.min(of.len()) {
            places.insert(self.below(of.len()));
        }
        places.into_iter().map(|place| &of[place]).collect()
    }
}

const MAILS: [&str; 4] =
    ["ann@client.example", "bob@client.example", "eve@evil.example", "Ann Other <ann@client.example>"];
const STRANGE_MAILS: [&str; 5] = ["ann@Client.Example", "nobody", "ann@client.example ", "a@b@c", "Ann@client.example"];
const PREFIXES: [&str; 5] = [
    "https://books.example/api",
    "https://books.example",
    "https://books.example/api/invoices",
    "https://books.example/api/invoices?page=",
    "https://evil.example/",
];
const URLS: [&str; 4] = [
    "https://books.example/api/invoices",
    "https://books.example/api/invoices/17",
    "https://books.example/api/invoices?page=2",
    "https://evil.example/api/invoices",
];
const STRANGE_URLS: [&str; 7] = [
    "https://books.example/api/../secrets",
    "https://books.example.evil.example/api",
    "http://books.example/api/invoices",
    "https://books.example/apix",
    "https://books.example:8443/api",
    "https://Books.example/api",
    "books.example",
];
const NUMBERS: [&str; 4] = ["A-17", "A-170", "17", "B-2"];
const SUBJECTS: [&str; 8] =
    ["Invoice A-17", "Invoice A-170.", "Invoice (A-17)", "A-17-2", "BA-17", "17", "B-2, please", "Reminder"];
const PATTERNS: [&str; 5] = ["Invoice .*", ".*", "A-[0-9]+|17", "Reminder|Rem", "[^/]+\\.md"];
const PATHS: [&str; 6] = ["reports/a.md", "reports/../a.md", "a.md", "reports\\a", "reports/x/./y", "reports"];
const AMOUNTS: [f64; 9] = [0.0, 1.0, 10.0, 12.5, 99.99, 100.0, 5000.0, 0.0000005, -1.0];
const ZONES: [&str; 4] = ["Europe/Rome", "UTC", "America/New_York", "Australia/Lord_Howe"];
const HOURS: [&str; 8] = ["00:00", "01:30", "02:00", "02:15", "02:45", "07:00", "20:00", "23:59"];
const WINDOWS: [&str; 4] = ["1h", "90m", "1d", "30d"];
const LABELS: [&str; 6] =
    ["http:books.example", "http:evil.example", "folder:statements", "webhook:orders", "conn:books", "event:paid"];
const ORIGINS: [&str; 7] =
    ["http:books.example", "http:*", "*", "folder:statements", "folder:state*", "webhook:orders", "conn:books"];
const SINKS: [&str; 8] = [
    "http.get",
    "email.send",
    "pay.send",
    "http:books.example",
    "http:*",
    "mail:client.example",
    "mail:*",
    "mail:evil.example",
];

/// Times around which clocks change, and others.
const TIMES: [i64; 6] = [
    1_774_746_000_000, // 2026-03-29, an hour before Rome's clocks go forward
    1_792_890_000_000, // 2026-10-25, an hour before they go back
    1_775_311_200_000, // 2026-04-04, near Lord Howe's change
    1_772_953_200_000, // 2026-03-08, near New York's change
    1_782_900_000_000,
    1_763_600_000_000,
];

pub(crate) fn time(dice: &mut Dice) -> i64 {
    *dice.one(&TIMES) + dice.below(4 * 3600) as i64 * 1000
}

// ---- Contracts ------------------------------------------------------------------------------------------------------

pub(crate) fn contract(dice: &mut Dice) -> Value {
    let mut capabilities = vec![http(dice)];
    let mut once = Vec::new();
    let mut tools = vec!["http.get"];
    if dice.once_in(4) {
        capabilities.push(http(dice));
    }
    for _ in 0..=dice.below(2) {
        capabilities.push(email(dice));
    }
    for (tool, times) in [("pay.send", 2), ("files.write", 3), ("model.ask", 4)] {
        if dice.once_in(times) {
            capabilities.push(plain_capability(dice, tool));
            tools.push(tool);
        }
    }
    tools.push("email.send");
    for tool in ["email.send", "pay.send"].into_iter().filter(|tool| tools.contains(tool)) {
        once.push(json!({ "tool": tool, "per": if dice.once_in(2) { json!(["invoice"]) } else { json!(["invoice", "stage"]) } }));
    }
    let has_zone = dice.once_in(2);
    let triggers = if has_zone {
        json!([{ "schedule": "0 9 * * *", "tz": dice.one(&ZONES) }, { "manual": true }])
    } else {
        json!([{ "manual": true }])
    };
    let mut limits: Vec<Value> = Vec::new();
    for _ in 0..dice.below(4) {
        let limit = limit(dice, &tools, has_zone);
        let origin = limit.pointer("/flow/from").cloned();
        let twice = origin.is_some() && limits.iter().any(|other| other.pointer("/flow/from").cloned() == origin);
        if !twice {
            limits.push(limit);
        }
    }
    let rows: BTreeSet<String> =
        capabilities.iter().filter(|one| one["tool"] == "email.send").flat_map(bound).collect();
    let effects: Vec<&str> =
        tools.iter().copied().filter(|tool| matches!(*tool, "email.send" | "pay.send" | "files.write")).collect();
    let approvals: Vec<Value> = (0..dice.below(3)).map(|_| approval(dice, &effects, &rows)).collect();
    let mut contract = json!({
        "title": "t", "goal": "g", "triggers": triggers, "once": once,
        "capabilities": unique(capabilities), "limits": unique(limits), "approvals": unique(approvals)
    });
    if dice.once_in(3) {
        contract["budgets"] =
            json!({ "model_cost_per_month": dice.one(&["0.05 USD", "0.10 USD", "0.12 USD", "0 USD"]) });
    }
    contract
}

fn unique(clauses: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for clause in clauses {
        if !kept.contains(&clause) {
            kept.push(clause);
        }
    }
    kept
}

fn bound(capability: &Value) -> Vec<String> {
    capability.get("bind").and_then(Value::as_object).into_iter().flat_map(|binds| binds.keys().cloned()).collect()
}

fn http(dice: &mut Dice) -> Value {
    let mut capability = json!({ "tool": "http.get" });
    let mut conditions = Map::new();
    if !dice.once_in(4) {
        conditions.insert("/url".to_owned(), address(dice));
        if dice.once_in(2) {
            capability["connection"] = json!("conn_books");
        }
    }
    if dice.once_in(5) {
        conditions.insert("/query/page".to_owned(), json!({ "less_than": 3 }));
    }
    set(&mut capability, "where", conditions);
    capability
}

fn address(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => json!({ "equals": dice.one(&URLS) }),
        1 => json!({ "one_of": dice.some(&URLS, 1, 2) }),
        _ => json!({ "prefix": dice.one(&PREFIXES) }),
    }
}

fn set(clause: &mut Value, key: &str, conditions: Map<String, Value>) {
    if !conditions.is_empty() {
        clause[key] = Value::Object(conditions);
    }
}

fn email(dice: &mut Dice) -> Value {
    let mut capability = json!({ "tool": "email.send" });
    let mut conditions = Map::new();
    let mut binds = Map::new();
    if !dice.once_in(3) {
        for name in dice.some(&["inv", "cli"], 1, 2) {
            binds.insert((*name).to_owned(), bind(dice));
            // One condition at least speaks of the row.
            let (place, condition) = match dice.below(4) {
                0 => ("/subject".to_owned(), json!({ "contains": format!("{name}:/number") })),
                1 => (format!("{name}:/status"), json!({ "equals": "unpaid" })),
                _ => ("/to".to_owned(), json!({ "same_as": format!("{name}:/client/email") })),
            };
            conditions.insert(place, condition);
        }
    }
    let names: Vec<String> = binds.keys().cloned().collect();
    for _ in 0..dice.below(3) {
        let (place, condition) = mail_condition(dice, &names);
        conditions.entry(place).or_insert(condition);
    }
    // What was taken over by another condition must still be spoken of.
    for name in &names {
        let spoken = conditions.iter().any(|(place, condition)| {
            place.starts_with(&format!("{name}:")) || condition.to_string().contains(&format!("\"{name}:"))
        });
        if !spoken {
            conditions.insert(format!("{name}:/number"), json!({ "at_most_length": 4 }));
        }
    }
    if !binds.is_empty() {
        capability["bind"] = Value::Object(binds);
        if dice.once_in(2) {
            capability["fresh_for"] = json!(dice.one(&["1m", "15m", "2h"]));
        }
    }
    set(&mut capability, "where", conditions);
    capability
}

fn bind(dice: &mut Dice) -> Value {
    let mut bind = json!({ "row_of": "http.get", "at": dice.one(&["/items/*", "/items/*", "/json/items/*", "/first", "/status", ""]) });
    if dice.once_in(2) {
        bind["where"] = json!({ "/url": address(dice) });
    }
    bind
}

fn mail_condition(dice: &mut Dice, names: &[String]) -> (String, Value) {
    let reference = |dice: &mut Dice, at: &[&str]| {
        let name = dice.one(names).clone();
        format!("{name}:{}", dice.one(at))
    };
    let bound = !names.is_empty() && dice.once_in(2);
    match dice.below(7) {
        0 | 1 if bound => ("/to".to_owned(), json!({ "same_as": reference(dice, &["/client/email", "/number"]) })),
        0 | 1 => {
            let condition = match dice.below(4) {
                0 => json!({ "equals": dice.one(&MAILS) }),
                1 => json!({ "one_of": dice.some(&MAILS, 1, 3) }),
                2 => json!({ "contains": "@client.example" }),
                _ => json!({ "matches": "[a-z]+@client\\.example" }),
            };
            ((*dice.one(&["/to", "/to", "/to/*", "/cc"])).to_owned(), condition)
        }
        2 | 3 if bound => {
            let kind = *dice.one(&["contains", "contains", "same_as", "prefix"]);
            ("/subject".to_owned(), json!({ kind: reference(dice, &["/number", "/status", "/link"]) }))
        }
        4 if !names.is_empty() => {
            let place = reference(dice, &["/amount", "/status", "/number"]);
            (place, row_condition(dice))
        }
        _ => ("/subject".to_owned(), text_condition(dice)),
    }
}

fn row_condition(dice: &mut Dice) -> Value {
    match dice.below(5) {
        0 => json!({ "equals": "unpaid" }),
        1 => json!({ "greater_than": 50 }),
        2 => json!({ "less_than": 100 }),
        3 => json!({ "one_of": ["A-17", 17, "unpaid"] }),
        _ => json!({ "prefix": "A-" }),
    }
}

fn text_condition(dice: &mut Dice) -> Value {
    match dice.below(6) {
        0 => json!({ "equals": dice.one(&SUBJECTS) }),
        1 => json!({ "one_of": dice.some(&SUBJECTS, 1, 3) }),
        2 => json!({ "prefix": dice.one(&["Invoice", "A-", "Re"]) }),
        3 => json!({ "contains": dice.one(&["A-17", "in", "-"]) }),
        4 => json!({ "matches": dice.one(&PATTERNS) }),
        _ => json!({ "at_most_length": *dice.one(&[4, 10, 14]) }),
    }
}

fn number_condition(dice: &mut Dice) -> Value {
    match dice.below(4) {
        0 => json!({ "equals": 10 }),
        1 => json!({ "one_of": [10, 12.5, 100] }),
        2 => json!({ "greater_than": *dice.one(&[0, 10, 50]) }),
        _ => json!({ "less_than": *dice.one(&[100, 5000]) }),
    }
}

fn plain_capability(dice: &mut Dice, tool: &str) -> Value {
    let mut capability = json!({ "tool": tool });
    let mut conditions = Map::new();
    for _ in 0..dice.below(2) {
        let (place, condition) = plain_condition(dice, tool);
        conditions.insert(place, condition);
    }
    set(&mut capability, "where", conditions);
    capability
}

fn plain_condition(dice: &mut Dice, tool: &str) -> (String, Value) {
    match tool {
        "pay.send" => ((*dice.one(&["/amount", "/lines/*/amount"])).to_owned(), number_condition(dice)),
        "files.write" => {
            let condition = match dice.below(3) {
                0 => json!({ "prefix": "reports/" }),
                1 => json!({ "matches": "[^/]+\\.md" }),
                _ => json!({ "prefix": "rep" }),
            };
            ("/path".to_owned(), condition)
        }
        _ => ("/text".to_owned(), text_condition(dice)),
    }
}

fn limit(dice: &mut Dice, tools: &[&str], has_zone: bool) -> Value {
    let tool = *dice.one(tools);
    let beyond = *dice.one(&["wait", "skip", "ask"]);
    match dice.below(5) {
        0 | 1 => {
            let mut rate = json!({ "tool": tool, "max": 1 + dice.below(3), "window": dice.one(&WINDOWS) });
            let per = match tool {
                "email.send" => Some(*dice.one(&["/to", "/to/*", "/subject"])),
                "pay.send" => Some("/to"),
                "http.get" => Some("/url"),
                _ => None,
            };
            if let Some(per) = per.filter(|_| dice.once_in(2)) {
                rate["per"] = json!(per);
            }
            json!({ "rate": rate, "else": beyond })
        }
        2 if tools.contains(&"pay.send") => {
            let mut sum = json!({
                "tool": "pay.send", "of": dice.one(&["/amount", "/lines/*/amount"]),
                "max": *dice.one(&[0.0, 10.0, 25.0, 112.49, 1000.0]), "window": dice.one(&WINDOWS)
            });
            if dice.once_in(2) {
                sum["per"] = json!("/to");
            }
            json!({ "sum": sum, "else": beyond })
        }
        3 => {
            let from = dice.below(HOURS.len());
            let to = (from + 1 + dice.below(HOURS.len() - 1)) % HOURS.len();
            let mut hours = json!({ "tool": tool, "from": HOURS[from], "to": HOURS[to] });
            if !has_zone || dice.once_in(2) {
                hours["tz"] = json!(dice.one(&ZONES));
            }
            json!({ "quiet_hours": hours, "else": beyond })
        }
        _ => {
            let granted = |sink: &&str| sink.contains(':') || tools.contains(sink);
            let to: Vec<&str> = dice.some(&SINKS, 0, 3).into_iter().copied().filter(|sink| granted(sink)).collect();
            json!({ "flow": { "from": dice.one(&ORIGINS), "to": to } })
        }
    }
}

fn approval(dice: &mut Dice, effects: &[&str], rows: &BTreeSet<String>) -> Value {
    let tool = *dice.one(effects);
    let names: Vec<String> = if tool == "email.send" { rows.iter().cloned().collect() } else { Vec::new() };
    let condition = |dice: &mut Dice| match tool {
        "email.send" => mail_condition(dice, &names),
        _ => plain_condition(dice, tool),
    };
    let mut approval = json!({ "tool": tool });
    let mut when = Map::new();
    for _ in 0..dice.below(3) {
        let (place, one) = condition(dice);
        when.insert(place, one);
    }
    set(&mut approval, "when", when);
    if dice.once_in(3) {
        approval["first"] = json!(1 + dice.below(2));
    }
    if dice.once_in(3) {
        let (place, one) = condition(dice);
        approval["envelope"] = json!({ "at_most": 3, "where": { place: one }, "for": "24h" });
    }
    approval
}

// ---- What happens ---------------------------------------------------------------------------------------------------

pub(crate) fn labels(dice: &mut Dice) -> Vec<String> {
    dice.some(&LABELS, 0, 2).into_iter().map(|label| (*label).to_owned()).collect()
}

fn row(dice: &mut Dice) -> Value {
    let mut row = json!({
        "number": dice.one(&NUMBERS), "client": { "email": dice.one(&MAILS) }, "amount": *dice.one(&[10, 60, 5001]),
        "status": dice.one(&["unpaid", "paid"]), "link": dice.one(&["Inv", "https://books.example/api"])
    });
    match dice.below(12) {
        0 => row["number"] = json!(""),
        1 => row["number"] = json!(17),
        2 => row["client"] = Value::Null,
        3 => row["amount"] = json!("60"),
        4 => drop(row.as_object_mut().unwrap().remove("status")),
        5 => row["client"]["email"] = json!(dice.one(&STRANGE_MAILS)),
        6 => row["number"] = json!(["A-17"]),
        7 => row["amount"] = Value::Null,
        _ => {}
    }
    row
}

/// The answer to a read.
pub(crate) fn answer(dice: &mut Dice) -> Value {
    let rows: Vec<Value> = (0..dice.below(4)).map(|_| row(dice)).collect();
    let first = row(dice);
    json!({ "status": 200, "json": { "items": rows, "first": first } })
}

pub(crate) fn read(dice: &mut Dice, call: u32, now: i64) -> Read {
    let ages = [0, 30_000, 60_000, 600_000, 3_600_000, 7_200_001, -60_000];
    Read {
        call,
        tool: (*dice.one(&["http.get", "http.get", "http.get", "model.ask"])).to_owned(),
        arguments: json!({ "url": dice.one(&URLS) }),
        value: answer(dice),
        at: now - *dice.one(&ages),
    }
}

/// A call, more often than not of a tool that the contract grants and with the key that it asks for.
pub(crate) fn call(dice: &mut Dice, reads: &[Read], contract: &Value) -> Call {
    let granted: Vec<&str> =
        contract["capabilities"].as_array().unwrap().iter().map(|one| one["tool"].as_str().unwrap()).collect();
    let any = ["email.send", "http.get", "pay.send", "files.write", "model.ask"];
    let tool = match dice.below(12) {
        0 => *dice.one(&any),
        1..=6 => "email.send",
        _ if granted.is_empty() => "http.get",
        _ => *dice.one(&granted),
    };
    let arguments = match tool {
        "email.send" => mail(dice, reads),
        "http.get" => {
            let mut arguments = Map::new();
            let url = if dice.once_in(4) { dice.one(&STRANGE_URLS) } else { dice.one(&URLS) };
            arguments.insert("url".to_owned(), json!(url));
            if dice.once_in(4) {
                arguments.insert(
                    "query".to_owned(),
                    dice.one(&[json!({}), json!({ "page": 2 }), json!({ "page": 5 })]).clone(),
                );
            }
            if dice.once_in(20) {
                arguments.remove("url");
            }
            Value::Object(arguments)
        }
        "pay.send" => payment(dice),
        "files.write" => json!({ "folder": "out", "path": dice.one(&PATHS), "text": "x" }),
        _ => json!({ "text": dice.one(&SUBJECTS) }),
    };
    let wanted = contract["once"].as_array().unwrap().iter().find(|once| once["tool"] == tool);
    let key = match (dice.below(20), wanted) {
        (0, _) => None,
        (1, _) => Some(json!({ "other": 1 })),
        (2, _) => Some(json!({ "invoice": 1, "stage": "a" })),
        (_, Some(once)) => {
            let parts =
                once["per"].as_array().unwrap().iter().map(|part| (part.as_str().unwrap().to_owned(), json!(1)));
            Some(Value::Object(parts.collect()))
        }
        (_, None) => None,
    };
    Call { tool: tool.to_owned(), arguments, key }
}

fn payment(dice: &mut Dice) -> Value {
    let mut arguments = Map::new();
    arguments.insert("to".to_owned(), json!(dice.one(&["ann", "bob"])));
    if !dice.once_in(8) {
        let amount = if dice.once_in(10) { json!("10") } else { json!(dice.one(&AMOUNTS)) };
        arguments.insert("amount".to_owned(), amount);
    }
    if dice.once_in(2) {
        let lines: Vec<Value> = (0..dice.below(3))
            .map(|_| if dice.once_in(6) { json!({ "text": "x" }) } else { json!({ "amount": dice.one(&AMOUNTS) }) })
            .collect();
        arguments.insert("lines".to_owned(), json!(lines));
    }
    Value::Object(arguments)
}

/// A mail that takes its parts from a row, more or less.
fn mail(dice: &mut Dice, reads: &[Read]) -> Value {
    let rows: Vec<&Value> = reads
        .iter()
        .flat_map(|read| {
            read.value["json"]["items"].as_array().into_iter().flatten().chain([&read.value["json"]["first"]])
        })
        .collect();
    let mut to = json!(dice.one(&MAILS));
    let mut subject = json!(dice.one(&SUBJECTS));
    if !rows.is_empty() && !dice.once_in(4) {
        let row = *dice.one(&rows);
        if let Some(email) = row.pointer("/client/email").and_then(Value::as_str) {
            to = json!(email);
        }
        // Now and then of another row.
        let row = if dice.once_in(5) { *dice.one(&rows) } else { row };
        if let Some(number) = row["number"].as_str() {
            subject = match dice.below(4) {
                0 => json!(number),
                1 => json!(format!("Invoice {number}0")),
                2 => json!(format!("Inv. {number}, unpaid")),
                _ => json!(format!("Invoice {number}")),
            };
        }
    }
    let mut arguments = Map::new();
    match dice.below(8) {
        0 => to = json!([to, dice.one(&MAILS)]),
        1 => to = json!([to]),
        2 => to = json!(dice.one(&STRANGE_MAILS)),
        3 => to = json!([]),
        _ => {}
    }
    if !dice.once_in(15) {
        arguments.insert("to".to_owned(), to.clone());
    }
    match dice.below(6) {
        0 => drop(arguments.insert("cc".to_owned(), json!([dice.one(&MAILS)]))),
        1 => drop(arguments.insert("cc".to_owned(), to)),
        2 => drop(arguments.insert("cc".to_owned(), json!([]))),
        _ => {}
    }
    if !dice.once_in(15) {
        arguments.insert("subject".to_owned(), subject);
    }
    Value::Object(arguments)
}

// ---- Changes --------------------------------------------------------------------------------------------------------

/// Changes one clause of a contract, as a rule into a narrower one. What comes of it may be no contract.
pub(crate) fn edit(dice: &mut Dice, contract: &mut Value) {
    let tools: Vec<String> = contract["capabilities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["tool"].as_str().unwrap().to_owned())
        .collect();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let has_zone = contract.pointer("/triggers/0/tz").is_some();
    match dice.below(10) {
        0 => remove(dice, &mut contract["capabilities"]),
        1 | 2 => {
            if let Some(capability) = pick(dice, &mut contract["capabilities"]) {
                edit_capability(dice, capability);
            }
        }
        3 if !tools.is_empty() => contract["limits"].as_array_mut().unwrap().push(limit(dice, &tools, has_zone)),
        4 | 5 => {
            if let Some(limit) = pick(dice, &mut contract["limits"]) {
                edit_limit(dice, limit);
            }
        }
        6 => {
            let effects: Vec<&str> =
                tools.iter().copied().filter(|tool| !matches!(*tool, "http.get" | "model.ask")).collect();
            if !effects.is_empty() {
                contract["approvals"].as_array_mut().unwrap().push(approval(dice, &effects, &BTreeSet::new()));
            }
        }
        7 | 8 => {
            if let Some(approval) = pick(dice, &mut contract["approvals"]) {
                edit_approval(dice, approval);
            }
        }
        _ => {
            let kind = *dice.one(&["limits", "approvals"]);
            if dice.once_in(4) {
                remove(dice, &mut contract[kind]);
            }
        }
    }
}

fn pick<'v>(dice: &mut Dice, list: &'v mut Value) -> Option<&'v mut Value> {
    let items = list.as_array_mut()?;
    if items.is_empty() {
        None
    } else {
        let place = dice.below(items.len());
        items.get_mut(place)
    }
}

fn remove(dice: &mut Dice, list: &mut Value) {
    let items = list.as_array_mut().unwrap();
    if !items.is_empty() {
        let place = dice.below(items.len());
        items.remove(place);
    }
}

fn edit_capability(dice: &mut Dice, capability: &mut Value) {
    let tool = capability["tool"].as_str().unwrap().to_owned();
    let names = bound(capability);
    let mut conditions = capability.get("where").and_then(Value::as_object).cloned().unwrap_or_default();
    match dice.below(5) {
        0 if capability.get("bind").is_some() => {
            capability["fresh_for"] = json!(dice.one(&["1m", "15m", "2h"]));
        }
        1 | 2 => {
            let (place, condition) = match tool.as_str() {
                "email.send" => mail_condition(dice, &names),
                "http.get" => ("/url".to_owned(), address(dice)),
                other => plain_condition(dice, other),
            };
            conditions.insert(place, condition);
        }
        _ => {
            let places: Vec<String> = conditions.keys().cloned().collect();
            if !places.is_empty() {
                let place = dice.one(&places).clone();
                let narrowed = narrower(dice, &conditions[&place]);
                conditions.insert(place, narrowed);
            }
        }
    }
    set(capability, "where", conditions);
}

/// A condition that lets less through, more often than not.
fn narrower(dice: &mut Dice, condition: &Value) -> Value {
    let (kind, wanted) = condition.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), wanted) {
        ("one_of", Value::Array(values)) => json!({ "equals": dice.one(values) }),
        ("less_than", Value::Number(_)) => json!({ "less_than": *dice.one(&[1, 10, 100]) }),
        ("greater_than", Value::Number(_)) => json!({ "greater_than": *dice.one(&[50, 100]) }),
        ("at_most_length", _) => json!({ "at_most_length": *dice.one(&[4, 8]) }),
        ("prefix", Value::String(text)) if text.starts_with("http") => {
            if dice.once_in(2) {
                json!({ "prefix": dice.one(&PREFIXES) })
            } else {
                json!({ "equals": dice.one(&URLS) })
            }
        }
        ("prefix", Value::String(text)) if !text.contains(':') => json!({ "prefix": format!("{text}o") }),
        ("contains", Value::String(text)) if !text.contains(':') => {
            if dice.once_in(2) {
                json!({ "contains": format!("{text}7") })
            } else {
                json!({ "prefix": format!("x{text}") })
            }
        }
        _ => condition.clone(),
    }
}

fn edit_limit(dice: &mut Dice, limit: &mut Value) {
    let word = *dice.one(&["wait", "skip", "ask"]);
    if limit.get("else").is_some() && dice.once_in(3) {
        limit["else"] = json!(word);
    }
    if let Some(rate) = limit.get_mut("rate") {
        match dice.below(3) {
            0 => rate["max"] = json!(1 + dice.below(2)),
            1 => rate["window"] = json!(dice.one(&WINDOWS)),
            _ => {}
        }
    }
    if let Some(sum) = limit.get_mut("sum") {
        match dice.below(3) {
            0 => sum["max"] = json!(*dice.one(&[0.0, 10.0, 25.0])),
            1 => sum["window"] = json!(dice.one(&WINDOWS)),
            _ => {}
        }
    }
    if let Some(hours) = limit.get_mut("quiet_hours") {
        let key = *dice.one(&["from", "to"]);
        hours[key] = json!(dice.one(&HOURS));
    }
    if let Some(flow) = limit.get_mut("flow") {
        if dice.once_in(2) {
            remove(dice, &mut flow["to"]);
        } else {
            flow["from"] = json!(dice.one(&["*", "http:*", "folder:state*"]));
        }
    }
}

fn edit_approval(dice: &mut Dice, approval: &mut Value) {
    let clause = approval.as_object_mut().unwrap();
    match dice.below(4) {
        0 => drop(clause.remove("first")),
        1 => drop(clause.remove("envelope")),
        2 if clause.contains_key("first") => drop(clause.insert("first".to_owned(), json!(1 + dice.below(3)))),
        _ => {
            let mut when = clause.get("when").and_then(Value::as_object).cloned().unwrap_or_default();
            let places: Vec<String> = when.keys().cloned().collect();
            if !places.is_empty() {
                let place = dice.one(&places).clone();
                let bound = when[&place].get("greater_than").is_some_and(Value::is_number);
                if bound && dice.once_in(2) {
                    when.insert(place, json!({ "greater_than": *dice.one(&[0, 10]) }));
                } else {
                    when.remove(&place);
                }
            }
            clause.remove("when");
            set(approval, "when", when);
        }
    }
}
