//! What an adapter must keep: it may move, rename and rewrite what a service said, and say nothing of its own.
//!
//! The gate binds effects to rows that were read. An adapter stands between the service and those rows, so that one which
//! invents or mixes values would choose recipients. Each text, number and truth of the adapted result therefore has to
//! stand in the answer; what stands in one row has to come from one row; and no row may be lost or made.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use crate::drift::{Form, Kind, Shape};

/// How an adapted result says something else than the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfaithful {
    /// A value stands nowhere in the answer, or in another row of it.
    Invented {
        /// Where it stands in the adapted result.
        at: String,
    },
    /// A list has other rows than each list of the answer.
    Rows {
        /// Where the list stands.
        at: String,
        /// How many rows it has.
        rows: usize,
    },
    /// Something that the script was proven with is missing or nothing now, in some row.
    Lost {
        /// Where it should stand.
        at: String,
    },
}

impl fmt::Display for Unfaithful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invented { at } => {
                write!(f, "what it puts at `{at}` is not in the answer of the service, or in another row of it")
            }
            Self::Rows { at, rows } => {
                write!(f, "its list at `{at}` has {rows} rows, and no list of the answer has as many")
            }
            Self::Lost { at } => write!(f, "it leaves nothing at `{at}`"),
        }
    }
}

/// Checks that `adapted` says what `raw` said, in the places that `proven` had.
pub fn faithful(raw: &Value, adapted: &Value, proven: &Shape) -> Result<(), Unfaithful> {
    let source = Source::of(raw, Orders { raw: Order::of(raw), adapted: Order::of(adapted) });
    let mut names = BTreeSet::new();
    names_of_shape(proven, &mut names);
    names_of(raw, &mut names);
    named(adapted, &names, "")?;
    check(adapted, &source.outside, &source.lists, "")?;
    kept(proven, &Shape::of_result(adapted), String::new())
}

/// The names of all members of a value.
fn names_of(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| names_of(item, names)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            names.insert(name.clone());
            names_of(member, names);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn names_of_shape(shape: &Shape, names: &mut BTreeSet<String>) {
    if let Some(items) = &shape.items {
        names_of_shape(items, names);
    }
    for (name, member) in &shape.members {
        names.insert(name.clone());
        names_of_shape(&member.shape, names);
    }
}

/// Where an object is a table by key, its names are data: none may be made up.
fn named(value: &Value, names: &BTreeSet<String>, at: &str) -> Result<(), Unfaithful> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| named(item, names, &format!("{at}/{index}")))
        }
        Value::Object(members) => members.iter().try_for_each(|(name, member)| {
            let at = format!("{at}/{name}");
            if names.contains(name) { named(member, names, &at) } else { Err(Unfaithful::Invented { at }) }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Whether day or month comes first in dates such as `03/04/2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Day,
    Month,
    /// No date tells, or they tell both: nobody knows.
    Unknown,
}

/// How a side writes its dates, by what stands between their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    slash: First,
    dash: First,
}

impl Order {
    /// What the dates of a value tell, all together: `31/10/2026` has the day first.
    fn of(value: &Value) -> Self {
        let mut told = BTreeSet::new();
        tell(value, &mut told);
        let first = |between: char| match (told.contains(&(between, true)), told.contains(&(between, false))) {
            (true, false) => First::Day,
            (false, true) => First::Month,
            (false, false) | (true, true) => First::Unknown,
        };
        Self { slash: first('/'), dash: first('-') }
    }
}

/// Gathers what stands between the numbers of each date that tells, and whether its day is first.
fn tell(value: &Value, told: &mut BTreeSet<(char, bool)>) {
    match value {
        Value::String(text) => {
            // Two numbers of the year may be anything: `1.14.22` is a version.
            let date = date_of(text.trim()).filter(|date| date.year.len() == 4);
            match date.map(|date| (date.between, date.one > 12, date.two > 12)) {
                Some((between, day_first, month_first)) if day_first != month_first => {
                    told.insert((between, day_first));
                }
                Some(_) | None => {}
            }
        }
        Value::Array(items) => items.iter().for_each(|item| tell(item, told)),
        Value::Object(members) => members.values().for_each(|member| tell(member, told)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// How both sides write their dates.
#[derive(Debug, Clone, Copy)]
struct Orders {
    raw: Order,
    adapted: Order,
}

/// What a value was made of.
#[derive(Debug, Clone)]
struct Said {
    texts: BTreeSet<String>,
    truths: BTreeSet<bool>,
    orders: Orders,
}

impl Said {
    fn nothing(orders: Orders) -> Self {
        Self { texts: BTreeSet::new(), truths: BTreeSet::new(), orders }
    }

    fn add(&mut self, value: &Value, lists_too: bool) {
        match value {
            Value::Null => {}
            Value::Bool(truth) => {
                self.truths.insert(*truth);
            }
            Value::Number(number) => {
                self.texts.insert(plain_number(&number.to_string()));
                if let Some(millis) = number.as_i64() {
                    self.add_times(millis);
                }
                match number.as_i64() {
                    Some(0) => drop(self.truths.insert(false)),
                    Some(1) => drop(self.truths.insert(true)),
                    Some(_) | None => {}
                }
            }
            Value::String(text) => self.add_text(text),
            Value::Array(items) => {
                if lists_too {
                    items.iter().for_each(|item| self.add(item, lists_too));
                }
            }
            Value::Object(members) => members.values().for_each(|member| self.add(member, lists_too)),
        }
    }

    fn add_text(&mut self, text: &str) {
        let whole = text.trim();
        match whole.to_lowercase().as_str() {
            "true" | "yes" => drop(self.truths.insert(true)),
            "false" | "no" => drop(self.truths.insert(false)),
            _ => {}
        }
        self.texts.extend(date_in(text, self.orders.raw));
        if let Some(number) = number_in(text) {
            self.texts.insert(number);
        }
        // A part of a text that stands by itself in it: the address in `Ann <ann@example.com>`.
        let between = |c: char| c.is_whitespace() || "<>,;()\"'|".contains(c);
        self.texts.extend(whole.split(between).filter(|part| !part.is_empty()).map(str::to_owned));
        self.texts.insert(whole.to_owned());
        self.texts.insert(text.to_owned());
    }

    /// Seconds and milliseconds since 1970, as the times that they are.
    fn add_times(&mut self, number: i64) {
        for millis in [number, number.saturating_mul(1000)] {
            // Between 2000 and 2100: other numbers are none.
            if (946_684_800_000..4_102_444_800_000).contains(&millis) {
                let time = crate::Timestamp::from_millis(millis).to_string();
                self.texts.insert(time.get(..10).unwrap_or_default().to_owned());
                self.texts.insert(time);
            }
        }
    }

    fn says(&self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Bool(truth) => self.truths.contains(truth),
            Value::Number(number) => self.texts.contains(&plain_number(&number.to_string())),
            Value::String(text) => {
                text.is_empty()
                    || self.texts.contains(text)
                    || self.texts.contains(text.trim())
                    || date_in(text, self.orders.adapted).is_some_and(|date| self.texts.contains(&date))
                    || number_in(text).is_some_and(|number| self.texts.contains(&number))
            }
            Value::Array(_) | Value::Object(_) => false,
        }
    }
}

/// The answer: what stands outside of its lists, and its lists with what each of their items says.
struct Source {
    outside: Said,
    lists: Vec<Vec<Item>>,
}

#[derive(Clone)]
struct Item {
    said: Said,
    lists: Vec<Vec<Item>>,
    is_row: bool,
}

impl Source {
    fn of(raw: &Value, orders: Orders) -> Self {
        let mut outside = Said::nothing(orders);
        outside.add(raw, false);
        let mut lists = Vec::new();
        gather(raw, orders, &mut lists);
        Self { outside, lists }
    }
}

/// The lists of a value, and not those within their items.
fn gather(value: &Value, orders: Orders, lists: &mut Vec<Vec<Item>>) {
    match value {
        Value::Array(items) => lists.push(items.iter().map(|value| item(value, orders)).collect()),
        Value::Object(members) => members.values().for_each(|member| gather(member, orders, lists)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn item(value: &Value, orders: Orders) -> Item {
    let mut said = Said::nothing(orders);
    said.add(value, false);
    let mut lists = Vec::new();
    gather(value, orders, &mut lists);
    Item { said, lists, is_row: value.is_object() }
}

fn check(value: &Value, said: &Said, lists: &[Vec<Item>], at: &str) -> Result<(), Unfaithful> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            if said.says(value) {
                Ok(())
            } else {
                Err(Unfaithful::Invented { at: at.to_owned() })
            }
        }
        Value::Object(members) => {
            members.iter().try_for_each(|(name, member)| check(member, said, lists, &format!("{at}/{name}")))
        }
        Value::Array(items) => list(items, said, lists, at),
    }
}

/// A list is one of the answer's: as long, in its order, each row from the row at its place.
fn list(items: &[Value], said: &Said, lists: &[Vec<Item>], at: &str) -> Result<(), Unfaithful> {
    let wrong = Unfaithful::Rows { at: at.to_owned(), rows: items.len() };
    if items.is_empty() {
        // An empty list of rows is one only where the answer has no rows at all.
        let has_rows = lists.iter().any(|list| list.iter().any(|item| item.is_row));
        return if has_rows { Err(wrong) } else { Ok(()) };
    }
    let mut first = None;
    for list in lists.iter().filter(|list| list.len() == items.len()) {
        let fits = items.iter().zip(list).enumerate().try_for_each(|(index, (item, source))| {
            // What is said once for all rows is no truth about one of them.
            let mut all = Said { texts: said.texts.clone(), ..Said::nothing(said.orders) };
            all.texts.extend(source.said.texts.iter().cloned());
            all.truths.extend(source.said.truths.iter().copied());
            check(item, &all, &source.lists, &format!("{at}/{index}"))
        });
        match fits {
            Ok(()) => return Ok(()),
            Err(unfaithful) => first = first.or(Some(unfaithful)),
        }
    }
    Err(first.unwrap_or(wrong))
}

/// What was there in each row is there in each row now, and what was never `null` or empty is neither.
fn kept(proven: &Shape, now: &Shape, at: String) -> Result<(), Unfaithful> {
    let is_null = now.kinds.contains(&Kind::Null) && !proven.kinds.is_empty() && !proven.kinds.contains(&Kind::Null);
    let is_empty = now.forms.contains(&Form::Empty) && !proven.forms.is_empty() && !proven.forms.contains(&Form::Empty);
    if is_null || is_empty {
        return Err(Unfaithful::Lost { at });
    }
    if let (Some(proven), Some(now)) = (&proven.items, &now.items) {
        kept(proven, now, format!("{at}/*"))?;
    }
    for (name, member) in &proven.members {
        match now.members.get(name) {
            Some(found) if member.times == proven.objects && found.times < now.objects => {
                return Err(Unfaithful::Lost { at: format!("{at}/{name}") });
            }
            Some(found) => kept(&member.shape, &found.shape, format!("{at}/{name}"))?,
            None if member.times == proven.objects && now.objects > 0 => {
                return Err(Unfaithful::Lost { at: format!("{at}/{name}") });
            }
            None => {}
        }
    }
    Ok(())
}

/// A number as it is compared: `12.50` is `12.5`.
fn plain_number(text: &str) -> String {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text.contains('.') && !text.contains(['e', 'E']) {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text.to_owned()
}

/// The number that a text holds: with a currency, with marks between its thousands.
fn number_in(text: &str) -> Option<String> {
    // A sign behind letters is none: `A-17`.
    if text.contains('-') && !text.trim_start().starts_with('-') {
        return None;
    }
    let kept: String =
        text.chars().filter(|c| !c.is_whitespace() && !c.is_alphabetic() && !"€$£¥_'".contains(*c)).collect();
    let (point, comma) = (kept.rfind('.'), kept.rfind(','));
    let number = match (point, comma) {
        (Some(point), Some(comma)) if point > comma => kept.replace(',', ""),
        (Some(_), Some(_)) => kept.replace('.', "").replace(',', "."),
        // A comma before two digits is a point.
        (None, Some(comma)) if kept.len() - comma - 1 <= 2 => kept.replace(',', "."),
        (None, Some(_)) => kept.replace(',', ""),
        // `1.250 EUR` is twelve hundred and fifty or one and a quarter: nobody knows.
        (Some(point), None) if kept.len() - point == 4 && kept.len() != text.trim().len() => return None,
        (Some(_) | None, None) => kept,
    };
    (Form::of(&number) == Form::Number).then(|| plain_number(&number))
}

/// The day that a text means, as `2026-11-30`; none where the day may be the month and nothing tells which is which.
fn date_in(text: &str, order: Order) -> Option<String> {
    let text = text.trim();
    match Form::of(text) {
        Form::Date => Some(text.to_owned()),
        Form::Time => text.get(..10).map(str::to_owned),
        Form::DayFirst => {
            let Date { between, one, two, year } = date_of(text)?;
            let year = if year.len() == 2 { format!("20{year}") } else { year.to_owned() };
            let date = |month: u8, day: u8| {
                ((1..=12).contains(&month) && (1..=31).contains(&day)).then(|| format!("{year}-{month:02}-{day:02}"))
            };
            // Between full stops the day is always first.
            let (day_first, month_first) = (date(two, one), date(one, two).filter(|_| between != '.'));
            match (day_first, month_first) {
                (Some(day_first), Some(month_first)) if day_first != month_first => {
                    match if between == '/' { order.slash } else { order.dash } {
                        First::Day => Some(day_first),
                        First::Month => Some(month_first),
                        First::Unknown => None,
                    }
                }
                (day_first, month_first) => day_first.or(month_first),
            }
        }
        Form::Empty | Form::Number | Form::Mail | Form::Url | Form::Html | Form::Other => None,
    }
}

/// A date such as `31/10/2026`, in its parts.
struct Date<'t> {
    between: char,
    one: u8,
    two: u8,
    year: &'t str,
}

fn date_of(text: &str) -> Option<Date<'_>> {
    if Form::of(text) != Form::DayFirst {
        return None;
    }
    let between = text.chars().find(|c| ['/', '.', '-'].contains(c))?;
    let parts: Vec<_> = text.split(between).collect();
    let [one, two, year] = parts[..] else { return None };
    Some(Date { between, one: one.parse().ok()?, two: two.parse().ok()?, year })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn proven() -> Shape {
        Shape::of(&json!({ "json": { "items": [
            { "id": "A-1", "amount": 5, "due": "2026-10-31", "to": "ann@a.example", "paid": false }
        ] } }))
    }

    fn row(id: &str, amount: Value, due: &str, to: &str, paid: bool) -> Value {
        json!({ "id": id, "amount": amount, "due": due, "to": to, "paid": paid })
    }

    fn check_against(raw: &Value, rows: Vec<Value>) -> Result<(), Unfaithful> {
        faithful(&json!({ "json": raw }), &json!({ "json": { "items": rows } }), &proven())
    }

    fn raw() -> Value {
        json!({ "data": { "list": [
            { "ref": "A-1", "total": "1,250.00 EUR", "due_on": "31/10/2026", "contact": { "mail": "Ann <ann@a.example>" }, "state": { "paid": 0 } },
            { "ref": "B-2", "total": "7.50", "due_on": "01/11/2026", "contact": { "mail": "bob@a.example" }, "state": { "paid": 1 } },
        ] }, "errors": [] })
    }

    #[test]
    fn moving_renaming_and_rewriting_is_faithful() {
        let rows = vec![
            row("A-1", json!(1250), "2026-10-31", "ann@a.example", false),
            row("B-2", json!(7.5), "2026-11-01", "bob@a.example", true),
        ];
        assert_eq!(check_against(&raw(), rows), Ok(()));
    }

    #[test]
    fn inventing_mixing_and_losing_is_not() {
        let good = || row("A-1", json!(1250), "2026-10-31", "ann@a.example", false);
        let other = || row("B-2", json!(7.5), "2026-11-01", "bob@a.example", true);
        let invented = |at: &str| Err(Unfaithful::Invented { at: at.to_owned() });
        let rows = |rows| Err(Unfaithful::Rows { at: "/json/items".to_owned(), rows });
        let with = |name: &str, value: Value| {
            let mut row = good();
            row[name] = value;
            check_against(&raw(), vec![row, other()])
        };
        assert_eq!(with("to", json!("eve@evil.example")), invented("/json/items/0/to"));
        assert_eq!(with("to", json!("bob@a.example")), invented("/json/items/0/to"), "of another row");
        assert_eq!(with("amount", json!(125_000)), invented("/json/items/0/amount"), "another unit");
        assert_eq!(with("due", json!("2026-10-30")), invented("/json/items/0/due"));
        assert_eq!(with("paid", json!(true)), invented("/json/items/0/paid"));
        assert_eq!(check_against(&raw(), vec![good()]), rows(1));
        assert_eq!(check_against(&raw(), vec![]), rows(0), "a list that happens to be empty is another one");
        assert_eq!(check_against(&raw(), vec![other(), good()]), invented("/json/items/0/id"));
        let nulls = |mut row: Value| {
            row["amount"] = Value::Null;
            row
        };
        let lost = Err(Unfaithful::Lost { at: "/json/items/*/amount".to_owned() });
        assert_eq!(check_against(&raw(), vec![nulls(good()), nulls(other())]), lost);
    }

    #[test]
    fn a_day_that_may_be_the_month_is_read_as_the_other_dates_tell_or_not_at_all() {
        let raw = |first: &str, second: &str| json!([{ "id": "A-1", "due": first }, { "id": "B-2", "due": second }]);
        let proven = Shape::of(&json!({ "json": raw("2026-10-31", "2026-11-30") }));
        let check = |first: [&str; 2], second: [&str; 2]| {
            let from = json!({ "json": raw(first[0], second[0]) });
            faithful(&from, &json!({ "json": raw(first[1], second[1]) }), &proven).is_ok()
        };
        let (day_first, month_first) = (["31/10/2026", "2026-10-31"], ["10/31/2026", "2026-10-31"]);
        assert!(check(day_first, ["03/04/2026", "2026-04-03"]) && !check(day_first, ["03/04/2026", "2026-03-04"]));
        assert!(check(month_first, ["03/04/2026", "2026-03-04"]) && !check(month_first, ["03/04/2026", "2026-04-03"]));
        let both = ["05/05/2026", "2026-05-05"];
        assert!(!check(both, ["03/04/2026", "2026-04-03"]) && !check(both, ["03/04/2026", "2026-03-04"]));
        let stops = ["03.04.2026", "2026-04-03"];
        assert!(check(both, stops) && !check(both, ["03.04.2026", "2026-03-04"]));
        assert!(check(month_first, stops), "between full stops the day is first, whatever other dates tell");
        // What is no date of the same kind tells nothing.
        for other in ["1.14.22", "31.10.2026", "31-10-2026", "45/99/2026", "14/14/2026"] {
            let from = json!({ "json": [{ "id": "A-1", "due": "03/04/2026", "more": other }] });
            for day in ["2026-04-03", "2026-03-04"] {
                let adapted = json!({ "json": [{ "id": "A-1", "due": day }] });
                assert!(faithful(&from, &adapted, &proven).is_err(), "{other} tells nothing about {day}");
            }
        }
        // The other way round: the service writes them as everybody does now.
        let back = ["2026-10-31", "31/10/2026"];
        assert!(check(back, ["2026-04-03", "03/04/2026"]) && !check(back, ["2026-03-04", "03/04/2026"]));
    }

    #[test]
    fn an_answer_without_rows_has_none() {
        assert_eq!(check_against(&json!({ "data": { "list": [] } }), vec![]), Ok(()));
    }
}
