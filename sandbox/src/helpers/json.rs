//! JSON whose numbers arrive as they are written, or not at all.

use intents::canonical::{is_exact, write_string};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::helpers::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    /// Every number arrives as the text it is written as.
    #[serde(default)]
    numbers_as_text: bool,
}

/// Checks JSON, and gives it back with its numbers as text if they are wanted so.
pub(crate) fn parse(text: &str, options: &str) -> Result<String, Problem> {
    let options: Options = serde_json::from_str(options)
        .map_err(|_| Problem::new("the option of `json` is `numbersAsText` (true or false)"))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| Problem::at(error.line(), error.to_string()))?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']) {
        let (before, token) = rest.split_at(start);
        out.push_str(before);
        let length = if token.starts_with('"') { string_length(token) } else { number_length(token) };
        let (token, after) = token.split_at(length);
        if token.starts_with('"') {
            out.push_str(token);
        } else if options.numbers_as_text {
            write_string(token, &mut out);
        } else if is_exact(token) {
            out.push_str(token);
        } else {
            let line = text[..text.len() - after.len()].matches('\n').count() + 1;
            let message = format!("the number {token} is held exactly by no double: read it with `numbersAsText`");
            return Err(Problem::at(line, message));
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The length of a string token, quotes included. The text is known to be JSON.
fn string_length(token: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in token.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    token.len()
}

fn number_length(token: &str) -> usize {
    token.bytes().take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_would_be_rounded_are_refused_or_text() {
        let text = "{\"id\": 9007199254740993,\n \"a\\\"1\": [1.50, -2e3, \"12\"]}";
        assert_eq!(parse(text, "{}").unwrap_err().line, Some(1));
        assert_eq!(
            parse(text, "{\"numbersAsText\":true}").unwrap(),
            "{\"id\": \"9007199254740993\",\n \"a\\\"1\": [\"1.50\", \"-2e3\", \"12\"]}"
        );
        assert_eq!(parse("[1.50]", "{}").unwrap(), "[1.50]");
    }

    #[test]
    fn what_is_no_json_says_where() {
        assert_eq!(parse("{\n\"a\": }", "{}").unwrap_err().line, Some(2));
    }
}
