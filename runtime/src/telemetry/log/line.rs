//! One line of the log. Pure.

use intents::redact::{MASK, Policy, redact_text};
use serde_json::{Map, Value};
use tracing::Level;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text {
        /// Whether levels have colours.
        colours: bool,
    },
    /// For programs.
    Json,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) at: String,
    pub(super) level: Level,
    /// The module.
    pub(super) target: &'a str,
    pub(super) message: String,
    /// Fields of the event, then of the spans around it, the inner ones first.
    pub(super) fields: Vec<(&'static str, Value)>,
}

impl Line<'_> {
    /// The line with its end. What looks like a secret is masked, and nothing in it can begin a line of its own.
    pub(super) fn write(mut self, form: Form) -> String {
        self.message = redact_text(&self.message, Policy::Secrets);
        for (name, value) in &mut self.fields {
            if let Value::String(text) = value {
                *text = masked(name, text);
            }
        }
        match form {
            Form::Text { colours } => self.text(colours),
            Form::Json => self.json(),
        }
    }

    fn json(self) -> String {
        let mut object = Map::new();
        object.insert("at".to_owned(), self.at.into());
        object.insert("level".to_owned(), self.level.as_str().to_ascii_lowercase().into());
        object.insert("message".to_owned(), self.message.into());
        for (name, value) in self.fields {
            // What is nearer goes before what is around it.
            object.entry(name).or_insert(value);
        }
        object.insert("target".to_owned(), self.target.into());
        let mut line = Value::Object(object).to_string();
        line.push('\n');
        line
    }

    fn text(self, colours: bool) -> String {
        let mut line = format!("{} {} {}", self.at, level(self.level, colours), one_line(&self.message));
        let mut seen = Vec::new();
        for (name, value) in &self.fields {
            if seen.contains(name) {
                continue;
            }
            seen.push(name);
            let value = value.as_str().map_or_else(|| value.to_string(), one_line);
            line.push_str(&format!(" {name}={value}"));
        }
        line.push('\n');
        line
    }
}

fn level(level: Level, colours: bool) -> String {
    let name = level.as_str();
    let colour = match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG | Level::TRACE => "2",
    };
    if colours { format!("\u{1b}[{colour}m{name:>5}\u{1b}[0m") } else { format!("{name:>5}") }
}

/// A field whose name says that its value is a secret is masked as `name=value` would be in free text.
fn masked(name: &str, text: &str) -> String {
    let text = redact_text(text, Policy::Secrets);
    let named = format!("{name}={text}");
    if redact_text(&named, Policy::Secrets) == named { text } else { MASK.to_owned() }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(message: &str, fields: Vec<(&'static str, Value)>) -> Line<'static> {
        let at = "2026-01-01T00:00:00.000Z".to_owned();
        Line { at, level: Level::WARN, target: "runtime::api", message: message.to_owned(), fields }
    }

    #[test]
    fn people_and_programs_read_the_same() {
        let fields = vec![("run", json!("run_1")), ("tries", json!(3)), ("run", json!("run_0"))];
        let text = line("a run waits", fields.clone()).write(Form::Text { colours: false });
        assert_eq!(text, "2026-01-01T00:00:00.000Z  WARN a run waits run=run_1 tries=3\n");
        let object: Value = serde_json::from_str(&line("a run waits", fields).write(Form::Json)).unwrap();
        let expected = json!({
            "at": "2026-01-01T00:00:00.000Z", "level": "warn", "message": "a run waits", "run": "run_1", "tries": 3,
            "target": "runtime::api",
        });
        assert_eq!(object, expected);
    }

    #[test]
    fn a_line_holds_no_secret_and_no_other_line() {
        let fields = vec![
            ("error", json!("cannot reach postgres://steward:hunter2@db/steward")),
            ("header", json!("Authorization: Bearer abcdefghijklmnop")),
            ("api_key", json!("hunter2")),
        ];
        for form in [Form::Text { colours: false }, Form::Json] {
            let written = line("password=hunter2\nforged line\u{1b}[2J", fields.clone()).write(form);
            assert!(!written.contains("hunter2") && !written.contains("abcdefghij"), "{written}");
            assert_eq!(written.matches('\n').count(), 1, "{written}");
            assert!(!written.contains('\u{1b}'), "{written}");
        }
    }
}
