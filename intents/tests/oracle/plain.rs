//! A second gate, written from the documentation alone, on the JSON of the contract as it is written.
//!
//! It shares no code with the gate, takes no care for speed, and knows every call that was made by heart. It expects a
//! contract that parses.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::text::{lies_under, mail, quiet_until, stands_in, web};

/// A call, with what the script gave beside the arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    pub(crate) key: Option<Value>,
}

/// Something that the run has read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    pub(crate) call: u32,
    pub(crate) tool: String,
    pub(crate) arguments: Value,
    pub(crate) value: Value,
    pub(crate) at: i64,
}

/// What is so at the time of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) major: u32,
    pub(crate) reads: Vec<Read>,
    pub(crate) reread: Vec<u32>,
    pub(crate) labels: Vec<String>,
    /// Calls that were made, with when and under which version, and the approvals that applied to each.
    pub(crate) made: Vec<Made>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    pub(crate) call: Call,
    pub(crate) at: i64,
    pub(crate) major: u32,
    pub(crate) applied: Vec<usize>,
}

/// What a person said yes to: limits and approvals by their place, for exactly this call, and envelopes by the place of
/// their approval.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Yes {
    pub(crate) grounds: BTreeSet<Ground>,
    pub(crate) envelopes: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ground {
    Limit(usize),
    Cost,
    Approval(usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Says {
    Deny(BTreeSet<&'static str>),
    Stale(u32),
    ReadAgain(u32),
    Wait(i64),
    Skip(usize),
    Ask(BTreeSet<Ground>),
    Allow { applied: Vec<usize>, envelopes: BTreeSet<usize> },
}

const DAY: i64 = 86_400_000;

/// Decides on a call.
pub(crate) fn says(contract: &Value, call: &Call, world: &World, yes: &Yes) -> Says {
    // 1. Which capability?
    let mut denied = BTreeSet::new();
    let mut usable: Vec<(&Value, Bound)> = Vec::new();
    for capability in list(contract, "capabilities").iter().filter(|capability| capability["tool"] == *call.tool) {
        match fits(capability, call, world) {
            Ok(bound) => usable.push((capability, bound)),
            Err(code) => drop(denied.insert(code)),
        }
    }
    let chosen = usable.iter().find(|(_, bound)| bound.aged.is_none()).or_else(|| usable.first());
    let Some((capability, bound)) = chosen else {
        if denied.is_empty() {
            denied.insert("GATE_TOOL_NOT_GRANTED");
        }
        return Says::Deny(denied);
    };
    // 2. Is anything against it?
    let mut denied = BTreeSet::new();
    denied.extend(key_problem(contract, call));
    if !may_flow(contract, call, capability, world) {
        denied.insert("GATE_FLOW");
    }
    for limit in list(contract, "limits") {
        if let Some(sum) = limit.get("sum").filter(|sum| sum["tool"] == *call.tool) {
            match amount(sum, &call.arguments) {
                None => drop(denied.insert("GATE_AMOUNT")),
                Some(amount) if amount > micro(&sum["max"]).unwrap() && limit["else"] == "wait" => {
                    denied.insert("GATE_AMOUNT");
                }
                Some(_) => {}
            }
        }
    }
    if !denied.is_empty() {
        return Says::Deny(denied);
    }
    // 3. Is what it relies on fresh?
    if let Some((read, again)) = bound.aged {
        return if again { Says::Stale(read) } else { Says::ReadAgain(read) };
    }
    // 4. What do the limits say?
    let (mut waits, mut skips, mut asks) = (Vec::new(), Vec::new(), Vec::new());
    for (place, until) in held(contract, call, world) {
        match list(contract, "limits")[place]["else"].as_str().unwrap() {
            "wait" => waits.push(until),
            "skip" => skips.push(place),
            _ => asks.push(Ground::Limit(place)),
        }
    }
    let quiet_skip = skips.iter().find(|place| list(contract, "limits")[**place].get("quiet_hours").is_some()).copied();
    if let Some(until) = waits.into_iter().max() {
        return Says::Wait(until);
    }
    if let Some(skip) = quiet_skip.or(skips.first().copied()) {
        return Says::Skip(skip);
    }
    if is_over_budget(contract, call, world) {
        asks.push(Ground::Cost);
    }
    // 5. Who is asked?
    let applied = applying(contract, call, &bound.rows);
    let approvals = list(contract, "approvals");
    let still_asks = |place: &usize| match approvals[*place]["first"].as_u64() {
        None => true,
        Some(first) => (asked_before(approvals, *place, world) as u64) < first,
    };
    let counted: Vec<usize> = applied.iter().copied().filter(still_asks).collect();
    let mut grounds = asks;
    grounds.extend(counted.iter().map(|place| Ground::Approval(*place)));
    let mut envelopes = BTreeSet::new();
    let mut open = Vec::new();
    for ground in &grounds {
        match ground {
            Ground::Approval(place)
                if yes.envelopes.contains(place) && in_envelope(&approvals[*place], call, &bound.rows) =>
            {
                if !yes.grounds.contains(ground) {
                    envelopes.insert(*place);
                }
            }
            Ground::Approval(_) | Ground::Limit(_) | Ground::Cost => open.push(*ground),
        }
    }
    if open.iter().all(|ground| yes.grounds.contains(ground)) {
        Says::Allow { applied: counted, envelopes }
    } else {
        Says::Ask(open.into_iter().collect())
    }
}

fn list<'c>(contract: &'c Value, key: &str) -> &'c [Value] {
    contract.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn members(value: &Value, key: &str) -> Map<String, Value> {
    value.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn key_problem(contract: &Value, call: &Call) -> Option<&'static str> {
    let takes_key = matches!(call.tool.as_str(), "email.send" | "pay.send");
    match (&call.key, takes_key) {
        (None, false) => None,
        (Some(_), false) => Some("GATE_KEY_UNEXPECTED"),
        (None, true) => Some("GATE_KEY_MISSING"),
        (Some(key), true) => {
            let once = list(contract, "once").iter().find(|once| once["tool"] == *call.tool).unwrap();
            let wanted: BTreeSet<&str> = once["per"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let given: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
            (wanted != given).then_some("GATE_KEY_PARTS")
        }
    }
}

// ---- Rows -----------------------------------------------------------------------------------------------------------

type Rows = Vec<(String, Vec<Row>)>;

#[derive(Clone)]
struct Row {
    call: u32,
    at: i64,
    value: Value,
}

struct Bound {
    rows: Rows,
    aged: Option<(u32, bool)>,
}

/// Whether a call fits a capability, and with which rows.
fn fits(capability: &Value, call: &Call, world: &World) -> Result<Bound, &'static str> {
    let conditions = members(capability, "where");
    let binds = members(capability, "bind");
    let bound = |name: &str| binds.contains_key(name);
    for (place, condition) in &conditions {
        if row_named(place, condition, &bound).is_none()
            && !covers(&call.tool, place, condition, &conditions, &call.arguments)
        {
            return Err("GATE_CONDITION_FAILED");
        }
    }
    let mut rows: Rows = Vec::new();
    for (name, bind) in &binds {
        let fitting: Vec<Row> = rows_of(bind, world)
            .into_iter()
            .filter(|row| {
                conditions
                    .iter()
                    .filter(|(place, condition)| row_named(place, condition, &bound).as_deref() == Some(name))
                    .all(|(place, condition)| {
                        row_fits(&call.tool, place, condition, &conditions, &row.value, &call.arguments)
                    })
            })
            .collect();
        if fitting.is_empty() {
            return Err("GATE_NO_ROW");
        }
        rows.push((name.clone(), fitting));
    }
    // In the order of the alphabet, whatever the order in the contract.
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut aged: Option<(u32, bool)> = None;
    if let Some(fresh_for) = capability.get("fresh_for").and_then(Value::as_str) {
        for (_, rows) in &rows {
            let fresh = |row: &&Row| row.at <= world.now && world.now - row.at <= span(fresh_for);
            if rows.iter().find(fresh).is_none() {
                // Of several that are as young, the one that was read last.
                let mut youngest = &rows[0];
                for row in rows {
                    if row.at >= youngest.at {
                        youngest = row;
                    }
                }
                let again = world.reread.contains(&youngest.call);
                if aged.is_none() || (again && aged.is_some_and(|(_, earlier)| !earlier)) {
                    aged = Some((youngest.call, again));
                }
            }
        }
    }
    Ok(Bound { rows, aged })
}

fn rows_of(bind: &Value, world: &World) -> Vec<Row> {
    let conditions = members(bind, "where");
    let tool = bind["row_of"].as_str().unwrap();
    let at = bind["at"].as_str().unwrap();
    // The JSON body is what a page is about, unless another part of the answer is named.
    let names_part = ["/status", "/json"].iter().any(|part| at == *part || at.starts_with(&format!("{part}/")));
    let at = if tool != "http.get" || names_part || at.is_empty() { at.to_owned() } else { format!("/json{at}") };
    let counts = |read: &&Read| {
        read.tool == tool
            && conditions.iter().all(|(place, condition)| covers(tool, place, condition, &conditions, &read.arguments))
    };
    let mut rows = Vec::new();
    for read in world.reads.iter().filter(counts) {
        for value in at_all(&read.value, &at) {
            rows.push(Row { call: read.call, at: read.at, value: value.clone() });
        }
    }
    rows
}

/// The name of the row that a condition speaks of, if it does.
fn row_named(place: &str, condition: &Value, bound: &dyn Fn(&str) -> bool) -> Option<String> {
    let own = place.split_once(':').map(|(name, _)| name.to_owned());
    let (kind, value) = condition.as_object().unwrap().iter().next().unwrap();
    let other = match (kind.as_str(), value.as_str()) {
        ("same_as" | "prefix" | "contains" | "greater_than" | "less_than", Some(text)) => text.split_once(":"),
        _ => None,
    };
    let other = other
        .filter(|(name, at)| bound(name) && (at.is_empty() || at.starts_with('/')))
        .map(|(name, _)| name.to_owned());
    own.or(other)
}

/// The condition with the row's value where it names the row; none where the row says nothing there.
fn filled(condition: &Value, row: &Value) -> Option<(&'static str, Value)> {
    let (kind, value) = condition.as_object().unwrap().iter().next().unwrap();
    let (_, at) = value.as_str().unwrap().split_once(':').unwrap();
    let found = at_all(row, at);
    let [said] = found.as_slice() else { return None };
    match said {
        Value::String(text) if text.trim().is_empty() => return None,
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
        Value::String(_) | Value::Number(_) | Value::Bool(_) => {}
    }
    let as_text = || Value::String(said.as_str().map_or_else(|| said.to_string(), str::to_owned));
    match kind.as_str() {
        "same_as" => Some(("equals", (*said).clone())),
        "prefix" => Some(("prefix", as_text())),
        "contains" => Some(("names", as_text())),
        "greater_than" => said.is_number().then(|| ("greater_than", (*said).clone())),
        _ => said.is_number().then(|| ("less_than", (*said).clone())),
    }
}

fn row_fits(
    tool: &str,
    place: &str,
    condition: &Value,
    all: &Map<String, Value>,
    row: &Value,
    arguments: &Value,
) -> bool {
    match place.split_once(':') {
        Some((_, at)) => {
            let (kind, wanted) = only(condition);
            everywhere(row, at, &|value| compare(kind, wanted, value, reading("", "", kind, wanted)) == Some(true))
        }
        None => filled(condition, row)
            .is_some_and(|(kind, wanted)| covered(tool, place, kind, &wanted, true, all, arguments)),
    }
}

// ---- Conditions -----------------------------------------------------------------------------------------------------

fn only(condition: &Value) -> (&str, &Value) {
    let (kind, wanted) = condition.as_object().unwrap().iter().next().unwrap();
    (kind.as_str(), wanted)
}

#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Plain,
    Web,
    Mail,
}

/// How a place of a tool's arguments is read.
fn reading(tool: &str, place: &str, kind: &str, wanted: &Value) -> Reading {
    let is = |name: &str| place == format!("/{name}") || place.starts_with(&format!("/{name}/"));
    let web_prefix = kind == "prefix"
        && wanted.as_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"));
    if web_prefix || (tool == "http.get" && is("url")) {
        Reading::Web
    } else if tool == "email.send" && (is("to") || is("cc")) {
        Reading::Mail
    } else {
        Reading::Plain
    }
}

fn covers(tool: &str, place: &str, condition: &Value, all: &Map<String, Value>, arguments: &Value) -> bool {
    let (kind, wanted) = only(condition);
    covered(tool, place, kind, wanted, false, all, arguments)
}

/// Whether a condition holds at its place, and for copies of a mail and the query of an address as well.
fn covered(
    tool: &str,
    place: &str,
    kind: &str,
    wanted: &Value,
    from_row: bool,
    all: &Map<String, Value>,
    arguments: &Value,
) -> bool {
    // What a row says is read as the argument is, whatever the row says.
    let how = if from_row { reading(tool, place, "", wanted) } else { reading(tool, place, kind, wanted) };
    let holds = |at: &str| everywhere(arguments, at, &|value| compare(kind, wanted, value, how) == Some(true));
    let has_own = |at: &str| all.keys().any(|own| own == at || own.starts_with(&format!("{at}/")));
    if !holds(place) {
        return false;
    }
    if tool == "email.send" && (place == "/to" || place == "/to/*") && !has_own("/cc") && is_filled(arguments, "/cc") {
        return holds("/cc");
    }
    if tool == "http.get" && place == "/url" && !has_own("/query") && is_filled(arguments, "/query") {
        // Only the start of an address without a query leaves the query open.
        return kind == "prefix" && wanted.as_str().is_some_and(|text| !text.contains('?'));
    }
    true
}

fn is_filled(arguments: &Value, place: &str) -> bool {
    match arguments.pointer(place) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => true,
    }
}

/// Yes, no, or none where the two cannot be compared.
fn compare(kind: &str, wanted: &Value, value: &Value, how: Reading) -> Option<bool> {
    let value = match how {
        Reading::Plain => value.clone(),
        Reading::Web => value.as_str().filter(|text| web(text).is_some()).map(|_| value.clone())?,
        Reading::Mail => Value::String(mail(value.as_str()?)?),
    };
    let text = value.as_str();
    match kind {
        "equals" => same(wanted, &value, how),
        "one_of" => {
            let answers: Vec<_> = wanted.as_array().unwrap().iter().map(|wanted| same(wanted, &value, how)).collect();
            if answers.contains(&Some(true)) {
                Some(true)
            } else if answers.contains(&Some(false)) {
                Some(false)
            } else {
                None
            }
        }
        "prefix" if how == Reading::Web => match (web(text?), web(wanted.as_str()?)) {
            (Some(address), Some(prefix)) => Some(lies_under(&address, &prefix)),
            _ => None,
        },
        "prefix" => {
            let (text, start) = (text?, wanted.as_str()?);
            let elsewhere = text.contains('\\') || text.split('/').any(|step| step == ".." || step == ".");
            if start.contains('/') && elsewhere { None } else { Some(text.starts_with(start)) }
        }
        "contains" => Some(text?.contains(wanted.as_str()?)),
        "names" => Some(stands_in(wanted.as_str()?, text?)),
        "matches" => {
            let pattern = regex::Regex::new(&format!("(?s-m:^(?:{})$)", wanted.as_str()?)).unwrap();
            Some(pattern.is_match(text?))
        }
        "greater_than" => Some(value.as_f64()? > wanted.as_f64()?),
        "less_than" => Some(value.as_f64()? < wanted.as_f64()?),
        "at_most_length" => Some(text?.chars().count() as u64 <= wanted.as_u64()?),
        other => panic!("{other}"),
    }
}

fn same(wanted: &Value, value: &Value, how: Reading) -> Option<bool> {
    match (wanted, value) {
        (Value::String(wanted), Value::String(value)) if how == Reading::Mail => {
            Some(mail(wanted).as_ref() == Some(value))
        }
        (Value::String(wanted), Value::String(value)) => Some(wanted == value),
        (Value::Number(wanted), Value::Number(value)) => Some(wanted.as_f64() == value.as_f64()),
        (Value::Bool(wanted), Value::Bool(value)) => Some(wanted == value),
        (Value::Null, Value::Null) => Some(true),
        _ => None,
    }
}

/// The values at a place, of which `*` is any.
fn at_all<'v>(value: &'v Value, place: &str) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in place.split('/').skip(1) {
        let mut next = Vec::new();
        for value in found {
            match value {
                Value::Object(members) if step == "*" => next.extend(members.values()),
                Value::Array(items) if step == "*" => next.extend(items),
                Value::Object(members) => next.extend(members.get(step)),
                Value::Array(items) => next.extend(step.parse::<usize>().ok().and_then(|place| items.get(place))),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        found = next;
    }
    found
}

/// Every value at a place, with none for each way that leads nowhere. A list at the end is its items.
fn ends<'v>(value: &'v Value, place: &str) -> Vec<Option<&'v Value>> {
    if place.is_empty() {
        return match value {
            Value::Array(items) if items.is_empty() => vec![None],
            Value::Array(items) => items.iter().map(Some).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![Some(value)],
        };
    }
    let rest = &place[1..];
    let (step, rest) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let inner: Vec<&Value> = at_all(value, &format!("/{step}"));
    if inner.is_empty() {
        return vec![None];
    }
    inner.into_iter().flat_map(|inner| ends(inner, rest)).collect()
}

fn everywhere(value: &Value, place: &str, holds: &dyn Fn(&Value) -> bool) -> bool {
    ends(value, place).into_iter().all(|end| end.is_some_and(holds))
}

/// Whether it may hold somewhere: somewhere there is nothing, or no plain no.
fn maybe(value: &Value, place: &str, kind: &str, wanted: &Value, how: Reading) -> bool {
    ends(value, place).into_iter().any(|end| match end {
        None => true,
        Some(end) => compare(kind, wanted, end, how) != Some(false),
    })
}

// ---- Limits ---------------------------------------------------------------------------------------------------------

fn span(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let size = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => DAY,
        other => panic!("{other}"),
    };
    number.parse::<i64>().unwrap() * size
}

/// Millionths, rounded up. The cases have no numbers with more than nine digits behind the point.
fn micro(number: &Value) -> Option<i128> {
    let number = number.as_number()?;
    let billionths = (number.as_f64()? * 1e9).round() as i128;
    if billionths < 0 || number.to_string().starts_with('-') {
        return None;
    }
    Some((billionths + 999) / 1000)
}

/// What one call adds to a sum.
fn amount(sum: &Value, arguments: &Value) -> Option<i128> {
    let mut total = 0;
    let place = sum["of"].as_str().unwrap();
    let (list, item) = place.split_once("/*").map_or((place, None), |(list, item)| (list, Some(item)));
    let found = arguments.pointer(list)?;
    let values: Vec<Option<&Value>> = match item {
        None => vec![Some(found)],
        Some(item) => found.as_array()?.iter().map(|line| line.pointer(item)).collect(),
    };
    if values.is_empty() {
        return None;
    }
    for value in values {
        total += micro(value?)?;
    }
    Some(total)
}

/// The values of the argument that is counted apart.
fn counted_apart(clause: &Value, tool: &str, arguments: &Value) -> BTreeSet<String> {
    let Some(per) = clause.get("per").and_then(Value::as_str) else { return BTreeSet::from(["all".to_owned()]) };
    let mut places = vec![per.to_owned()];
    if tool == "email.send" && (per == "/to" || per == "/to/*") {
        places.push("/cc".to_owned());
    }
    let mut found = BTreeSet::new();
    for place in places {
        for value in at_all(arguments, &place) {
            let items = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
            for item in items {
                let address = item.as_str().and_then(|text| mail(text.trim()));
                found.insert(
                    address.map_or_else(|| item.to_string(), |address| format!("{:?}", address.to_lowercase())),
                );
            }
        }
    }
    if found.is_empty() {
        found.insert("null".to_owned());
    }
    found
}

/// The limits that hold the call, each with when it lets go.
fn held(contract: &Value, call: &Call, world: &World) -> Vec<(usize, i64)> {
    let mut held = Vec::new();
    for (place, limit) in list(contract, "limits").iter().enumerate() {
        if let Some(hours) = limit.get("quiet_hours").filter(|hours| hours["tool"] == *call.tool) {
            let text = |key: &str| hours[key].as_str().map(str::to_owned);
            let zone = text("tz").unwrap_or_else(|| {
                let triggers = list(contract, "triggers");
                triggers.iter().find_map(|trigger| trigger["tz"].as_str()).unwrap().to_owned()
            });
            let until = quiet_until(&text("from").unwrap(), &text("to").unwrap(), &zone, world.now);
            held.extend(until.map(|until| (place, until)));
        }
        let (clause, max, own) = if let Some(rate) = limit.get("rate") {
            (rate, i128::from(rate["max"].as_i64().unwrap()) * 1_000_000, Some(1_000_000))
        } else if let Some(sum) = limit.get("sum") {
            (sum, micro(&sum["max"]).unwrap(), amount(sum, &call.arguments))
        } else {
            continue;
        };
        if clause["tool"] != *call.tool {
            continue;
        }
        let window = span(clause["window"].as_str().unwrap());
        let own = own.unwrap();
        let subjects = counted_apart(clause, &call.tool, &call.arguments);
        let until = subjects.iter().filter_map(|subject| {
            let mut earlier: Vec<(i64, i128)> = world
                .made
                .iter()
                .filter(|made| made.call.tool == call.tool)
                .filter(|made| counted_apart(clause, &call.tool, &made.call.arguments).contains(subject))
                .filter_map(|made| {
                    let added = if limit.get("rate").is_some() {
                        Some(1_000_000)
                    } else {
                        amount(clause, &made.call.arguments)
                    };
                    added.map(|added| (made.at, added))
                })
                .collect();
            earlier.sort_unstable();
            free_at(&earlier, window, max, own, world.now)
        });
        held.extend(until.max().map(|until| (place, until)));
    }
    held
}

/// When there is room for so much more, if there is none now: tried at each time at which something leaves the window.
fn free_at(earlier: &[(i64, i128)], window: i64, max: i128, own: i128, now: i64) -> Option<i64> {
    let fits = |at: i64| {
        earlier.iter().filter(|(made, _)| *made + window > at).map(|(_, added)| added).sum::<i128>() + own <= max
    };
    if fits(now) {
        return None;
    }
    if own > max {
        return Some(now + window);
    }
    earlier.iter().map(|(made, _)| *made + window).filter(|at| *at > now).find(|at| fits(*at))
}

fn is_over_budget(contract: &Value, call: &Call, world: &World) -> bool {
    let budget = contract.pointer("/budgets/model_cost_per_month").and_then(Value::as_str);
    let Some(budget) = budget.filter(|_| call.tool == "model.ask") else { return false };
    let dollars: f64 = budget.trim_end_matches(" USD").parse().unwrap();
    let asked =
        world.made.iter().filter(|made| made.call.tool == "model.ask" && made.at + 30 * DAY > world.now).count();
    (asked as f64 + 1.0) * 0.05 > dollars + 1e-9
}

fn may_flow(contract: &Value, call: &Call, capability: &Value, world: &World) -> bool {
    let places: Option<BTreeSet<String>> = match call.tool.as_str() {
        "files.write" => return true,
        "http.get" => {
            call.arguments["url"].as_str().and_then(web).map(|web| BTreeSet::from([format!("http:{}", web.host)]))
        }
        "email.send" => {
            let all: Vec<Value> = ["/to", "/cc"]
                .iter()
                .filter_map(|place| call.arguments.pointer(place))
                .flat_map(|value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]))
                .collect();
            let domains: Option<BTreeSet<String>> = all
                .iter()
                .map(|one| one.as_str().and_then(mail).map(|mail| format!("mail:{}", mail.split_once('@').unwrap().1)))
                .collect();
            domains.filter(|domains| !domains.is_empty())
        }
        _ => None,
    };
    let is = |pattern: &str, label: &str| match pattern.strip_suffix('*') {
        Some(start) => label.starts_with(start),
        None => label == pattern,
    };
    let through = capability.get("connection").and_then(Value::as_str).map(|name| name.replacen("conn_", "conn:", 1));
    list(contract, "limits").iter().filter_map(|limit| limit.get("flow")).all(|flow| {
        let from = flow["from"].as_str().unwrap();
        let from = if from.contains(':') || from == "*" { from.to_owned() } else { format!("conn:{from}") };
        let to: Vec<&str> = flow["to"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        world.labels.iter().filter(|label| is(&from, label) && through.as_ref() != Some(label)).all(|label| {
            let allowed = |place: &String| place == label || to.iter().any(|to| to.contains(':') && is(to, place));
            to.contains(&call.tool.as_str()) || places.as_ref().is_some_and(|places| places.iter().all(allowed))
        })
    })
}

// ---- Approvals ------------------------------------------------------------------------------------------------------

/// The approvals that apply to a call, whatever was done before: those of every call first, as people are asked.
fn applying(contract: &Value, call: &Call, rows: &Rows) -> Vec<usize> {
    let approvals = list(contract, "approvals");
    let applies = |place: &usize| {
        let approval = &approvals[*place];
        approval["tool"] == *call.tool && all_may_hold(&members(approval, "when"), call, rows)
    };
    let places: Vec<usize> = (0..approvals.len()).filter(applies).collect();
    let (first, every): (Vec<usize>, Vec<usize>) =
        places.into_iter().partition(|place| approvals[*place].get("first").is_some());
    every.into_iter().chain(first).collect()
}

fn all_may_hold(when: &Map<String, Value>, call: &Call, rows: &Rows) -> bool {
    let any_name = |_: &str| true;
    let names: BTreeSet<Option<String>> =
        when.iter().map(|(place, condition)| row_named(place, condition, &row_only(&any_name))).collect();
    names.into_iter().all(|name| {
        let about: Vec<(&String, &Value)> = when
            .iter()
            .filter(|(place, condition)| row_named(place, condition, &row_only(&any_name)) == name)
            .collect();
        match name {
            None => about.iter().all(|(place, condition)| {
                let (kind, wanted) = only(condition);
                may_hold_in_call(call, place, kind, wanted, reading(&call.tool, place, kind, wanted))
            }),
            Some(name) => match rows.iter().find(|(own, _)| *own == name) {
                None => true,
                Some((_, rows)) => rows.iter().any(|row| {
                    about.iter().all(|(place, condition)| may_hold_with(call, place, condition, &row.value))
                }),
            },
        }
    })
}

/// In the cases a row is called `inv` or `cli`, and no constant starts so.
fn row_only(any: &dyn Fn(&str) -> bool) -> impl Fn(&str) -> bool {
    move |name: &str| any(name) && (name == "inv" || name == "cli")
}

fn may_hold_in_call(call: &Call, place: &str, kind: &str, wanted: &Value, how: Reading) -> bool {
    let copies = call.tool == "email.send" && (place == "/to" || place == "/to/*") && is_filled(&call.arguments, "/cc");
    maybe(&call.arguments, place, kind, wanted, how) || (copies && maybe(&call.arguments, "/cc", kind, wanted, how))
}

fn may_hold_with(call: &Call, place: &str, condition: &Value, row: &Value) -> bool {
    match place.split_once(':') {
        Some((_, at)) => {
            let (kind, wanted) = only(condition);
            maybe(row, at, kind, wanted, reading("", "", kind, wanted))
        }
        None => match filled(condition, row) {
            None => true,
            Some((kind, wanted)) => {
                may_hold_in_call(call, place, kind, &wanted, reading(&call.tool, place, "", &wanted))
            }
        },
    }
}

/// How many calls were asked about under a clause with these conditions, under this version.
fn asked_before(approvals: &[Value], place: usize, world: &World) -> usize {
    let alike = |other: usize| {
        approvals[other].get("first").is_some()
            && approvals[other]["tool"] == approvals[place]["tool"]
            && members(&approvals[other], "when") == members(&approvals[place], "when")
    };
    world.made.iter().filter(|made| made.major == world.major && made.applied.iter().any(|other| alike(*other))).count()
}

fn in_envelope(approval: &Value, call: &Call, rows: &Rows) -> bool {
    let Some(envelope) = approval.get("envelope") else { return false };
    let conditions = members(envelope, "where");
    let any_name = |_: &str| true;
    conditions.iter().all(|(place, condition)| match row_named(place, condition, &row_only(&any_name)) {
        None => covers(&call.tool, place, condition, &conditions, &call.arguments),
        Some(name) => rows.iter().find(|(own, _)| *own == name).is_some_and(|(_, rows)| {
            rows.iter().all(|row| row_fits(&call.tool, place, condition, &conditions, &row.value, &call.arguments))
        }),
    })
}
