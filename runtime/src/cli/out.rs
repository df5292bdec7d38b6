//! Printing. What is printed may come from anywhere, so nothing of it reaches the terminal as a command; and when
//! the reader has gone, there is nobody left to tell.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::api::Problem;
use crate::error::Error;

/// Where a command prints.
#[derive(Debug)]
pub(super) struct Out {
    json: bool,
    closed: bool,
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        Self { json, closed: false }
    }

    /// Whether a program reads.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether nobody reads any more.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Prints a value for programs, as it was answered.
    pub(super) fn value(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).expect("what is printed is plain data");
        self.write(&text);
    }

    /// Prints one value on one line, for programs that read line by line.
    pub(super) fn compact(&mut self, value: &impl Serialize) {
        let text = serde_json::to_string(value).expect("what is printed is plain data");
        self.write(&text);
    }

    /// Prints a line for people.
    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        self.write(&visible(text.as_ref()));
    }

    /// Prints rows under their headings, in columns.
    pub(super) fn table<const N: usize>(&mut self, headings: [&str; N], rows: &[[String; N]]) {
        let rows: Vec<[String; N]> =
            rows.iter().map(|row| row.each_ref().map(|cell| visible(cell).replace('\n', " "))).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..N).map(width).collect();
        let line = |cells: [&str; N]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.write(&line(headings));
        for row in &rows {
            self.write(&line(row.each_ref().map(String::as_str)));
        }
    }

    fn write(&mut self, text: &str) {
        if self.closed {
            return;
        }
        let mut stdout = io::stdout().lock();
        // A reader such as `head` that has gone is no error.
        self.closed = writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err();
    }
}

/// Tells a person on the error stream.
pub(super) fn tell(text: impl AsRef<str>) {
    // Where nobody reads errors there is nobody to tell that.
    drop(writeln!(io::stderr().lock(), "{}", visible(text.as_ref())));
}

/// Tells of an error: for people what to do, for programs the problem.
pub(super) fn tell_error(out: &mut Out, error: &Error) {
    let problem = Problem::from(error);
    if out.is_json() {
        out.value(&problem);
        return;
    }
    tell(format!("steward: {}: {}", problem.code, problem.detail));
    // One problem is in the sentence already.
    if problem.problems.len() > 1 {
        for place in &problem.problems {
            let at = if place.pointer.is_empty() { "/" } else { &place.pointer };
            tell(format!("  {at}: {} ({})", place.message, place.code));
        }
    }
}

/// Asks a question that is answered by yes or no; none when there is nobody to answer.
pub(super) fn confirmed(question: &str) -> Option<bool> {
    if !io::stdin().is_terminal() {
        return None;
    }
    drop(write!(io::stderr().lock(), "{} [y/N] ", visible(question)));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Text without what a terminal would obey, and without what would show it in another order than it has.
pub(super) fn visible(text: &str) -> String {
    let reorders = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| (!c.is_control() || c == '\n' || c == '\t') && !reorders(c);
    text.chars().map(|c| if shown(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_commands_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\rc\u{7}\u{9b}31m\td\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}\u{fffd}31m\td\n");
        assert_eq!(visible("to\u{202e}moc.live"), "to\u{fffd}moc.live");
    }
}
