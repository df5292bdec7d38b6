//! Small words for the sentences of a contract: amounts, lists, quoted text, tools, times of the day.

use std::time::Duration;

use serde_json::Value;

use super::condition::{Against, Comparison, Prefix};
use super::place::RowPlace;
use crate::canonical;
use crate::schedule::CronSpec;
use crate::time::Span;
use crate::tool::Name;

/// How people speak of a tool.
pub(super) struct Speech {
    /// "send mail", after "may".
    pub(super) doing: String,
    /// "mail", of which there is one or several.
    pub(super) one: String,
    /// "mails".
    pub(super) many: String,
}

pub(super) fn speech(tool: &Name) -> Speech {
    let words = |doing: &str, one: &str, many: &str| Speech { doing: doing.into(), one: one.into(), many: many.into() };
    match tool.as_str() {
        "email.send" => words("send mail", "mail", "mails"),
        "http.get" => words("read web pages", "page", "pages"),
        "tls.certificate" => words("look at certificates", "look at a certificate", "looks at certificates"),
        "http.request" => words("send web requests", "web request", "web requests"),
        "files.list" => words("list files", "list of files", "lists of files"),
        "files.read" => words("read files", "file read", "files read"),
        "files.write" => words("write files", "file written", "files written"),
        "files.move" => words("move files", "file moved", "files moved"),
        "files.delete" => words("delete files", "file deleted", "files deleted"),
        "notify.user" => words("notify you", "notice", "notices"),
        "events.emit" => words("emit events", "event", "events"),
        "model.extract" => {
            words("have a model take data out of texts", "text given to a model", "texts given to a model")
        }
        "model.classify" => words("have a model sort texts", "text given to a model", "texts given to a model"),
        "model.summarize" => words("have a model sum up texts", "text given to a model", "texts given to a model"),
        "model.judge" => words("have a model judge texts", "text given to a model", "texts given to a model"),
        "model.generate" => words("have a model write texts", "text written by a model", "texts written by a model"),
        other => words(&format!("use {other}"), &format!("call of {other}"), &format!("calls of {other}")),
    }
}

/// How a place in a tool's arguments stands before a value: "to", "at". None where no plain word fits.
pub(super) fn preposition(tool: &Name, place: &str) -> Option<&'static str> {
    match (tool.as_str(), place) {
        ("email.send", "/to") => Some("to"),
        ("http.get" | "http.request", "/url") => Some("at"),
        ("tls.certificate", "/host") => Some("of"),
        ("http.request", "/method") => Some("with the method"),
        ("files.list" | "files.read" | "files.write" | "files.move" | "files.delete", "/folder") => {
            Some("in the folder")
        }
        ("events.emit", "/name") => Some("named"),
        _ => None,
    }
}

/// What is counted apart under a limit: "recipient".
pub(super) fn per(tool: &Name, place: &str) -> String {
    match (tool.as_str(), place) {
        ("email.send", "/to") => "recipient".to_owned(),
        ("http.get" | "http.request", "/url") => "address".to_owned(),
        _ => format!("value of `{place}`"),
    }
}

/// A comparison as what the argument is.
pub(super) fn comparison(comparison: &Comparison) -> String {
    match comparison {
        Comparison::Equals(value) => scalar(value),
        Comparison::OneOf(values) => list(values.iter().map(scalar), "or"),
        Comparison::Prefix(Prefix::Address(prefix)) => format!("addresses under {}", quoted(prefix.as_str())),
        Comparison::Prefix(Prefix::Text(text)) => format!("text that starts with {}", marked(text)),
        Comparison::Contains(text) => format!("text that contains {}", marked(text)),
        Comparison::Matches(pattern) => format!("text of the form {}", marked(pattern.as_str())),
        Comparison::GreaterThan(bound) => format!("more than {}", canonical::number_to_string(*bound)),
        Comparison::LessThan(bound) => format!("less than {}", canonical::number_to_string(*bound)),
        Comparison::AtMostLength(1) => "text of at most 1 character".to_owned(),
        Comparison::AtMostLength(max) => format!("text of at most {max} characters"),
        Comparison::Names(text) => format!("text that names {}", marked(text)),
        Comparison::AsRow(against, place) => match against {
            Against::Same => row(place),
            Against::Prefix => format!("text that starts with {}", row(place)),
            Against::Contains => format!("text that names {}", row(place)),
            Against::Greater => format!("more than {}", row(place)),
            Against::Less => format!("less than {}", row(place)),
        },
    }
}

fn row(place: &RowPlace) -> String {
    format!("what {} says at {}", place.row, code(&place.at.to_string()))
}

/// A place or label, which is free text where the tool has free members.
pub(super) fn code(place: &str) -> String {
    format!("`{}`", visible(place).replace('`', "\\u{60}"))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            canonical::to_string(value)
        }
    }
}

/// Text of a contract inside a sentence: bare where it cannot be mistaken for a part of it, else in quotation marks.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._+:/-?&=%*~".contains(c);
    let number = text.parse::<f64>().is_ok() || matches!(text, "true" | "false" | "null");
    if !text.is_empty() && text.chars().all(plain) && !number { text.to_owned() } else { marked(text) }
}

/// Text in quotation marks. What could break out of them or turn the line around is written as an escape.
pub(super) fn marked(text: &str) -> String {
    format!("“{}”", visible(text))
}

/// Text with everything that hides or turns text written as an escape.
pub(super) fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '“' | '”' | '\u{ad}' | '\u{61c}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || matches!(c, '\u{e0000}'..='\u{e007f}')
    };
    let shown = |c: char| if hidden(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// "a, b and c".
pub(super) fn list(items: impl IntoIterator<Item = String>, last: &str) -> String {
    let items: Vec<String> = items.into_iter().collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

/// "3 days", "1 hour and 30 minutes".
pub(super) fn length(span: Span) -> String {
    let mut rest = span.duration();
    let mut parts = Vec::new();
    for (size, one, many) in
        [(86_400, "day", "days"), (3600, "hour", "hours"), (60, "minute", "minutes"), (1, "second", "seconds")]
    {
        let amount = rest.as_secs() / size;
        if amount > 0 {
            parts.push(format!("{amount} {}", if amount == 1 { one } else { many }));
            rest -= Duration::from_secs(amount * size);
        }
    }
    if !rest.is_zero() {
        parts.push(format!("{} ms", rest.as_millis()));
    }
    list(parts, "and")
}

/// "Every weekday at 09:00"; the line itself where no plain words fit.
pub(super) fn schedule(cron: &CronSpec) -> String {
    let [second, minute, hour, day, month, weekday] = cron.fields();
    let words = match (second, day, month) {
        ("0", day, "*") => days(day, weekday).and_then(|days| times(minute, hour, &days)),
        _ => None,
    };
    words.unwrap_or_else(|| format!("At the times of the cron line `{cron}`"))
}

fn days(day: &str, weekday: &str) -> Option<String> {
    const WEEKDAYS: [(&str, &str); 7] = [
        ("SUN", "Sunday"),
        ("MON", "Monday"),
        ("TUE", "Tuesday"),
        ("WED", "Wednesday"),
        ("THU", "Thursday"),
        ("FRI", "Friday"),
        ("SAT", "Saturday"),
    ];
    let name = |text: &str| match text.parse::<usize>() {
        Ok(number) => WEEKDAYS.get(number % 7).filter(|_| number <= 7).map(|(_, name)| *name),
        Err(_) => WEEKDAYS.iter().find(|(short, _)| short.eq_ignore_ascii_case(text)).map(|(_, name)| *name),
    };
    match (day, weekday) {
        ("*" | "?", "*" | "?") => Some("day".to_owned()),
        ("*" | "?", "1-5") => Some("weekday".to_owned()),
        ("*" | "?", several) if several.eq_ignore_ascii_case("MON-FRI") => Some("weekday".to_owned()),
        ("*" | "?", several) => {
            let names: Option<Vec<_>> = several.split(',').map(|text| name(text).map(str::to_owned)).collect();
            names.map(|names| list(names, "and"))
        }
        ("L", "*" | "?") => Some("month on the last day".to_owned()),
        (day, "*" | "?") => day.parse::<u8>().ok().map(|day| format!("month on day {day}")),
        (_, _) => None,
    }
}

fn times(minute: &str, hour: &str, days: &str) -> Option<String> {
    let on_days = if days == "day" { String::new() } else { format!(" on every {days}") };
    let step = |field: &str| field.strip_prefix("*/").and_then(|step| step.parse::<u32>().ok());
    match (minute, hour) {
        ("*" | "*/1", "*") => Some(format!("Every minute{on_days}")),
        ("0", "*") => Some(format!("Every hour{on_days}")),
        (minute, "*") if step(minute).is_some_and(|step| 60 % step == 0) => {
            step(minute).map(|step| format!("Every {step} minutes{on_days}"))
        }
        (minute, hour) => {
            let minutes: Vec<u8> = minute.split(',').map(|text| text.parse().ok()).collect::<Option<_>>()?;
            let hours: Vec<u8> = hour.split(',').map(|text| text.parse().ok()).collect::<Option<_>>()?;
            let mut times: Vec<_> =
                hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (hour, minute))).collect();
            times.sort_unstable();
            let times = list(times.into_iter().map(|(hour, minute)| format!("{hour:02}:{minute:02}")), "and");
            Some(format!("Every {days} at {times}"))
        }
    }
}
