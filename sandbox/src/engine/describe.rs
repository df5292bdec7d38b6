//! What a value or an error looks like to a person, read without running any code of the script.

use intents::canonical;
use rquickjs::Value;

use crate::engine::canonical::{Shapes, iso};
use crate::engine::raw::{self, Own};
use crate::report::{Fault, ScriptFailure};

/// Longer messages are cut: a message is a sentence, not data.
const MESSAGE_BYTES_MAX: usize = 4 << 10;
/// A stack of ten frames, with long names.
const STACK_BYTES_MAX: usize = 4 << 10;
/// Deeper parts of a logged value are left out.
const SHOWN_DEPTH_MAX: usize = 4;
/// Further members of a logged value are left out.
const SHOWN_MEMBERS_MAX: usize = 100;
/// The name under which our own code appears in a stack, and by which it is left out there.
pub(crate) const OURS: &str = "steward:";
/// What the engine says of an import, which it cannot do.
const NOT_LOADED: &str = "could not load module";
const NO_IMPORTS: &str =
    "modules cannot be imported: a script is one file, and everything it may use is given to `run`";

/// Makes a failure of what was thrown.
pub(crate) fn failure<'js>(shapes: &Shapes<'js>, fault: Fault, thrown: &Value<'js>, script: &str) -> ScriptFailure {
    if !thrown.is_error() {
        let shown = shown(shapes, thrown, MESSAGE_BYTES_MAX);
        return ScriptFailure::plain(fault, format!("the script threw {shown}, which is no Error"));
    }
    let stack = shapes.stack(thrown).unwrap_or_default();
    let stack: Vec<&str> = stack.lines().map(str::trim).filter(|line| !line.contains(OURS)).collect();
    let stack = cut(stack.join("\n"), STACK_BYTES_MAX);
    let place = place(&stack, script);
    let mut message = data_text(thrown, "message").unwrap_or_default();
    if message.starts_with(NOT_LOADED) {
        message = NO_IMPORTS.to_owned();
    }
    ScriptFailure {
        fault,
        name: cut(data_text(thrown, "name").unwrap_or_else(|| "Error".to_owned()), MESSAGE_BYTES_MAX),
        message: cut(message, MESSAGE_BYTES_MAX),
        error_code: data_text(thrown, "code").map(|code| cut(code, MESSAGE_BYTES_MAX)),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        stack,
        details: None,
    }
}

fn data_text<'js>(object: &Value<'js>, name: &str) -> Option<String> {
    raw::inherited(object, name).and_then(|value| value.as_string().map(text_of))
}

fn text_of(text: &rquickjs::String<'_>) -> String {
    text.to_string().unwrap_or_else(|_| "(a text with half a character)".to_owned())
}

/// The first place in a stack that is in the script: `at f (script.js:3:5)` or `at script.js:3:5`.
fn place(stack: &str, script: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let (_, after) = line.split_once(script)?;
        let mut numbers = after.strip_prefix(':')?.trim_end_matches(')').split(':');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

/// Cuts a text to so many bytes, and says so.
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    const MARK: &str = "… (cut)";
    if text.len() > bytes_max {
        let room = bytes_max.saturating_sub(MARK.len());
        let at = (0..=room).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(at);
        text.push_str(MARK);
    }
    text
}

/// Prints values as a line of the log: texts as they are, everything else as one would write it.
pub(crate) fn line<'js>(shapes: &Shapes<'js>, values: &[Value<'js>], bytes_max: usize) -> String {
    let mut out = String::new();
    for value in values {
        if !out.is_empty() {
            out.push(' ');
        }
        match value.as_string() {
            Some(text) => out.push_str(&text_of(text)),
            None => show(shapes, value, &mut out, 0, bytes_max),
        }
        if out.len() > bytes_max {
            break;
        }
    }
    cut(out, bytes_max)
}

/// Prints one value.
pub(crate) fn shown<'js>(shapes: &Shapes<'js>, value: &Value<'js>, bytes_max: usize) -> String {
    let mut out = String::new();
    show(shapes, value, &mut out, 0, bytes_max);
    cut(out, bytes_max)
}

fn show<'js>(shapes: &Shapes<'js>, value: &Value<'js>, out: &mut String, depth: usize, bytes_max: usize) {
    if out.len() > bytes_max {
    } else if let Some(text) = value.as_string() {
        canonical::write_string(&text_of(text), out);
    } else if let Some(number) = value.as_number() {
        out.push_str(&number_shown(number));
    } else if let Some(truth) = value.as_bool() {
        out.push_str(if truth { "true" } else { "false" });
    } else if value.is_null() {
        out.push_str("null");
    } else if value.is_undefined() {
        out.push_str("undefined");
    } else if value.is_big_int() {
        out.push_str("[BigInt]");
    } else if value.is_symbol() {
        out.push_str("[Symbol]");
    } else if value.is_proxy() {
        out.push_str("[Proxy]");
    } else if value.is_function() {
        out.push_str("[function]");
    } else if value.is_error() {
        let name = data_text(value, "name").unwrap_or_else(|| "Error".to_owned());
        let message = data_text(value, "message").unwrap_or_default();
        out.push_str(&format!("{name}: {message}"));
    } else if let Some(millis) = shapes.date(value) {
        out.push_str(&iso(millis).unwrap_or_else(|| "Invalid Date".to_owned()));
    } else if value.is_promise() {
        out.push_str("[Promise]");
    } else if depth >= SHOWN_DEPTH_MAX {
        out.push('…');
    } else if shapes.is_array(value) {
        show_items(shapes, value, out, depth, bytes_max);
    } else if shapes.is_plain(value) {
        show_members(shapes, value, out, depth, bytes_max);
    } else {
        out.push_str("[object]");
    }
}

fn show_items<'js>(shapes: &Shapes<'js>, array: &Value<'js>, out: &mut String, depth: usize, bytes_max: usize) {
    out.push('[');
    let length = raw::length(array);
    for index in 0..length.min(SHOWN_MEMBERS_MAX as u32) {
        if index > 0 {
            out.push_str(", ");
        }
        match raw::item(array, index) {
            Some(Own::Data(item)) => show(shapes, &item, out, depth + 1, bytes_max),
            Some(Own::Accessor) => out.push_str("[getter]"),
            None => {}
        }
    }
    if length as usize > SHOWN_MEMBERS_MAX {
        out.push_str(", …");
    }
    out.push(']');
}

fn show_members<'js>(shapes: &Shapes<'js>, object: &Value<'js>, out: &mut String, depth: usize, bytes_max: usize) {
    out.push('{');
    let members = raw::members(object).unwrap_or_default();
    let more = members.len() > SHOWN_MEMBERS_MAX;
    for (index, (name, member)) in members.into_iter().take(SHOWN_MEMBERS_MAX).enumerate() {
        out.push_str(if index > 0 { ", " } else { " " });
        if name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$') && !name.is_empty() {
            out.push_str(&name);
        } else {
            canonical::write_string(&name, out);
        }
        out.push_str(": ");
        match member {
            Own::Data(member) => show(shapes, &member, out, depth + 1, bytes_max),
            Own::Accessor => out.push_str("[getter]"),
        }
    }
    out.push_str(if more { ", … }" } else { " }" });
}

fn number_shown(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        canonical::number_to_string(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_in_the_script_is_found() {
        let stack = "at map (native)\nat f (script.js:3:5)\nat run (script.js:9:1)";
        assert_eq!(place(stack, "script.js"), Some((3, 5)));
        assert_eq!(place("at script.js:12:7", "script.js"), Some((12, 7)));
        assert_eq!(place("at f (native)", "script.js"), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short".to_owned(), 5), "short");
        let cut = cut("é".repeat(20), 20);
        assert!(cut.len() <= 20 && cut.ends_with("… (cut)"), "{cut}");
    }
}
