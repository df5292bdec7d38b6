//! What of a shape has changed, and whether the script cares.

use super::names::Names;
use super::shape::{Form, Kind, Shape};

/// Changes that are listed; a service that changed everything is told by the first of them.
const CHANGES_MAX: usize = 40;

/// What changed at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It was always there, and is nowhere now.
    Removed,
    /// It is of other kinds now, and never of one of those before.
    Retyped {
        /// What it was, in words.
        was: String,
        /// What it is, in words.
        is: String,
    },
    /// Its texts are all written in another way.
    Rewritten {
        /// How they were written.
        was: Form,
        /// How they are written.
        is: Form,
    },
    /// It was never there before.
    Added,
    /// It was always there, and is not always there now.
    SometimesMissing,
    /// It is sometimes of a kind that it never was.
    SometimesOther {
        /// What else it is, in words.
        is: String,
    },
}

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The place in the result, with `*` for each item of a list.
    pub at: String,
    /// What changed there.
    pub what: What,
    /// Whether the script or its contract name the place.
    pub used: bool,
}

impl Change {
    /// Whether the script can go on: not where something that it uses is gone or is another thing.
    pub fn breaks(&self) -> bool {
        match self.what {
            What::Removed | What::Retyped { .. } | What::Rewritten { .. } => self.used,
            What::Added | What::SometimesMissing | What::SometimesOther { .. } => false,
        }
    }

    /// What changed, in plain words.
    pub fn words(&self) -> String {
        let at = if self.at.is_empty() { "the whole answer" } else { &self.at };
        match &self.what {
            What::Removed => format!("`{at}` is gone"),
            What::Retyped { was, is } => format!("`{at}` was {was} and is {is}"),
            What::Rewritten { was, is } => format!("`{at}` was {} and is {}", was.as_str(), is.as_str()),
            What::Added => format!("`{at}` is new"),
            What::SometimesMissing => format!("`{at}` is missing now and then"),
            What::SometimesOther { is } => format!("`{at}` is {is} now and then"),
        }
    }
}

/// How a result differs from the shape that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drift {
    /// The changes, those that break the script first.
    pub changes: Vec<Change>,
}

impl Drift {
    /// Whether the script cannot go on with it.
    pub fn breaks(&self) -> bool {
        self.changes.iter().any(Change::breaks)
    }

    /// The changes that break the script, in words; those that are only new beside them help to see what became of it.
    pub fn words(&self) -> String {
        let breaking = self.changes.iter().filter(|change| change.breaks()).map(Change::words);
        breaking.collect::<Vec<_>>().join(", ")
    }
}

/// Compares a shape with the one that is known.
pub fn compare(known: &Shape, now: &Shape, used: &Names) -> Drift {
    let mut changes = Vec::new();
    walk(known, now, used, &Place { at: String::new(), used: true }, &mut changes);
    changes.sort_by_key(|change| !change.breaks());
    changes.truncate(CHANGES_MAX);
    Drift { changes }
}

struct Place {
    at: String,
    /// Whether the last name on the way is used: an item is used when its list is.
    used: bool,
}

impl Place {
    fn member(&self, name: &str, used: &Names) -> Self {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Self { at: format!("{}/{escaped}", self.at), used: used.contains(name) }
    }

    fn items(&self) -> Self {
        Self { at: format!("{}/*", self.at), used: self.used }
    }

    fn change(&self, what: What) -> Change {
        Change { at: self.at.clone(), what, used: self.used }
    }
}

fn walk(known: &Shape, now: &Shape, used: &Names, place: &Place, changes: &mut Vec<Change>) {
    let real = |shape: &Shape| shape.kinds.iter().copied().filter(|kind| *kind != Kind::Null).collect::<Vec<_>>();
    let (before, after) = (real(known), real(now));
    let new: Vec<_> = after.iter().filter(|kind| !before.contains(kind)).collect();
    if !before.is_empty() && !new.is_empty() {
        if new.len() == after.len() {
            changes.push(place.change(What::Retyped { was: known.words(), is: now.words() }));
            return;
        }
        let is = new.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" or ");
        changes.push(place.change(What::SometimesOther { is }));
    }
    if let Some((was, is)) = rewritten(known, now) {
        changes.push(place.change(What::Rewritten { was, is }));
    }
    if let (Some(known), Some(now)) = (&known.items, &now.items) {
        walk(known, now, used, &place.items(), changes);
    }
    if known.objects == 0 || now.objects == 0 {
        return;
    }
    for (name, member) in &known.members {
        let place = place.member(name, used);
        let always = member.times == known.objects;
        match now.members.get(name) {
            None if always => changes.push(place.change(What::Removed)),
            None => {}
            Some(found) => {
                if always && found.times < now.objects {
                    changes.push(place.change(What::SometimesMissing));
                }
                walk(&member.shape, &found.shape, used, &place, changes);
            }
        }
    }
    for name in now.members.keys().filter(|name| !known.members.contains_key(*name)) {
        changes.push(place.member(name, used).change(What::Added));
    }
}

/// Whether texts that were all written in one way are all written in another.
fn rewritten(known: &Shape, now: &Shape) -> Option<(Form, Form)> {
    let only = |shape: &Shape| {
        let mut forms = shape.forms.iter().filter(|form| **form != Form::Empty);
        forms.next().copied().filter(|_| forms.next().is_none())
    };
    let (was, is) = (only(known)?, only(now)?);
    let relied_on = match was {
        Form::Date | Form::Time | Form::DayFirst | Form::Number | Form::Mail | Form::Url => true,
        // A text that is a page is none that anybody relied on to be one.
        Form::Empty | Form::Html | Form::Other => is == Form::Html && was != Form::Html,
    };
    (relied_on && was != is).then_some((was, is))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(known: &Value, now: &Value) -> Vec<String> {
        let used = Names::of(["for (const inv of answer.json.items) { inv.amount; inv.due; inv.client.email }"]);
        let drift = compare(&Shape::of(known), &Shape::of(now), &used);
        drift
            .changes
            .iter()
            .map(|change| format!("{}{}", if change.breaks() { "! " } else { "" }, change.words()))
            .collect()
    }

    fn answer() -> Value {
        json!({ "json": { "items": [
            { "id": "A-17", "amount": 5, "due": "2026-10-31", "client": { "email": "ann@a.example" }, "note": "x" },
            { "id": "A-18", "amount": 7, "due": "2026-10-30", "client": { "email": "bob@a.example" }, "note": null },
        ] } })
    }

    /// The answer with each invoice changed.
    fn changed(change: impl Fn(&mut serde_json::Map<String, Value>)) -> Value {
        let mut answer = answer();
        for item in answer["json"]["items"].as_array_mut().unwrap() {
            change(item.as_object_mut().unwrap());
        }
        answer
    }

    #[test]
    fn what_the_script_uses_and_finds_no_more_breaks_it() {
        let renamed = changed(|inv| drop(inv.remove("amount").map(|amount| inv.insert("total".to_owned(), amount))));
        assert_eq!(found(&answer(), &renamed), ["! `/json/items/*/amount` is gone", "`/json/items/*/total` is new"]);
        let retyped = changed(|inv| drop(inv.insert("amount".to_owned(), json!("5.00"))));
        assert_eq!(found(&answer(), &retyped), ["! `/json/items/*/amount` was a number and is digits"]);
        let dates = changed(|inv| drop(inv.insert("due".to_owned(), json!("31/10/2026"))));
        let words = "! `/json/items/*/due` was a date such as 2026-11-30 and is a date such as 30/11/2026";
        assert_eq!(found(&answer(), &dates), [words]);
        let envelope = json!({ "json": { "data": answer()["json"].clone() } });
        assert_eq!(found(&answer(), &envelope), ["! `/json/items` is gone", "`/json/data` is new"]);
        let bare = json!({ "json": answer()["json"]["items"].clone() });
        assert_eq!(found(&answer(), &bare), ["! `/json` was an object and is a list"]);
        let page = json!({ "text": "<!doctype html><html></html>" });
        assert_eq!(found(&answer(), &page)[0], "! `/json` is gone");
    }

    #[test]
    fn what_nobody_uses_or_what_is_only_new_is_a_note() {
        let less = changed(|inv| drop(inv.remove("id")));
        assert_eq!(found(&answer(), &less), ["`/json/items/*/id` is gone"]);
        let more = changed(|inv| drop(inv.insert("vat".to_owned(), json!(1))));
        assert_eq!(found(&answer(), &more), ["`/json/items/*/vat` is new"]);
        let mut now_and_then = answer();
        now_and_then["json"]["items"][0].as_object_mut().unwrap().remove("amount");
        assert_eq!(found(&answer(), &now_and_then), ["`/json/items/*/amount` is missing now and then"]);
    }

    #[test]
    fn nothing_is_no_change() {
        assert_eq!(found(&answer(), &answer()), Vec::<String>::new());
        let empty = json!({ "json": { "items": [] } });
        assert_eq!(found(&answer(), &empty), Vec::<String>::new(), "a list without rows says nothing of its rows");
        let none = changed(|inv| drop(inv.insert("amount".to_owned(), Value::Null)));
        assert_eq!(found(&answer(), &none), Vec::<String>::new(), "null is a value that is not known");
    }
}
