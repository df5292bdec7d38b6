//! What is on the terminal: lines that stay, an answer that is being written, and one line that changes.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use rustix::termios::tcgetwinsize;

use super::style::{Line, Style};
use super::wrap::{Flow, wrapped};
use crate::cli::out::visible;
use crate::env::Env;

/// Where nobody says how wide a line may be.
const WIDTH: usize = 80;
/// Longer lines are hard to read.
const WIDTH_MAX: usize = 100;
/// How long a letter takes to whom types fast.
const LETTER: Duration = Duration::from_millis(12);
/// What turns while something goes on.
const TURNING: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// What is on the terminal.
pub(in crate::cli) struct Screen {
    sink: Box<dyn Write + Send>,
    width: usize,
    /// Whether somebody sees lines change.
    live: bool,
    /// Whether colours are wanted.
    coloured: bool,
    /// Whether nobody reads any more.
    closed: bool,
    answer: Option<Answer>,
    activity: String,
    turned: usize,
    /// How wide the changing line is that is shown now.
    shown: usize,
    /// Whether the last line is an empty one.
    blank: bool,
    /// Whether it was said that answers are recorded.
    pub(in crate::cli) told_recorded: bool,
}

/// An answer that is being written.
struct Answer {
    /// All of it that has come, as it is shown.
    text: String,
    flow: Flow,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("width", &self.width).field("live", &self.live).finish_non_exhaustive()
    }
}

impl Screen {
    /// The standard output: as wide as the terminal, and as colourful as the user likes it.
    pub(in crate::cli) fn standard() -> Self {
        let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let live = io::stdout().is_terminal() && named("TERM").is_none_or(|term| term != "dumb");
        let coloured = live && named("NO_COLOR").is_none();
        let columns = || tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|&size| size > 0);
        let width = if live { columns().unwrap_or(WIDTH) } else { WIDTH };
        Self::new(Box::new(io::stdout()), width.min(WIDTH_MAX), live, coloured)
    }

    pub(super) fn new(sink: Box<dyn Write + Send>, width: usize, live: bool, coloured: bool) -> Self {
        let (activity, turned, shown) = (String::new(), 0, 0);
        Self {
            sink,
            width,
            live,
            coloured,
            closed: false,
            answer: None,
            activity,
            turned,
            shown,
            blank: true,
            told_recorded: false,
        }
    }

    /// Whether somebody sees lines change.
    pub(in crate::cli) fn is_live(&self) -> bool {
        self.live
    }

    /// Whether nobody reads any more.
    pub(in crate::cli) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Shows a line, broken where the terminal ends.
    pub(in crate::cli) fn line(&mut self, line: &Line) {
        self.settle();
        let text = wrapped(&visible(&line.text), self.width, line.indent());
        let mut lines = text.split('\n');
        let mut shown = self.paint(Style::Dim, line.border) + &self.paint(line.mark_style, &visible(&line.mark));
        shown.push_str(&self.paint(line.style, lines.next().unwrap_or_default()));
        for rest in lines {
            let rest = rest.strip_prefix(&" ".repeat(line.indent())).unwrap_or(rest);
            let under = " ".repeat(line.indent() - line.border.chars().count());
            shown.push('\n');
            shown.push_str(&self.paint(Style::Dim, line.border));
            shown.push_str(&self.paint(line.style, &format!("{under}{rest}")));
        }
        self.blank = line.indent() == 0 && line.text.is_empty();
        let trimmed: Vec<&str> = shown.split('\n').map(str::trim_end).collect();
        self.write(&format!("{}\n", trimmed.join("\n")));
    }

    /// Shows lines.
    pub(in crate::cli) fn lines(&mut self, lines: &[Line]) {
        for line in lines {
            self.line(line);
        }
    }

    /// Shows text of one style.
    pub(in crate::cli) fn say(&mut self, style: Style, text: impl Into<String>) {
        self.line(&Line::new(style, text));
    }

    /// Shows text as if the user typed it, letter by letter where somebody sees that.
    pub(in crate::cli) async fn typed(&mut self, env: &Env, text: &str) {
        self.part();
        if !self.live {
            return self.line(&Line::marked(Style::Host, "› ", Style::Strong, text));
        }
        let mark = self.paint(Style::Host, "› ");
        self.write(&mark);
        let mut flow = Flow::new(self.width, 2, 2);
        for word in text.split_inclusive(' ') {
            let mut shown = flow.push(word);
            shown.push_str(&flow.end());
            for letter in shown.chars() {
                let letter = self.paint(Style::Strong, &letter.to_string());
                self.write(&letter);
                env.sleep(LETTER).await;
            }
        }
        self.blank = false;
        self.write("\n");
    }

    /// Shows text as it is, line by line, however long: nobody wants code broken elsewhere.
    pub(in crate::cli) fn verbatim(&mut self, text: &str) {
        self.settle();
        self.blank = false;
        self.write(&format!("{}\n", visible(text.trim_end())));
    }

    /// Sees that an empty line is above what comes.
    pub(in crate::cli) fn part(&mut self) {
        self.settle();
        if !self.blank {
            self.say(Style::Plain, "");
        }
    }

    /// Shows more of an answer that is being written: text that goes behind so many characters of it.
    pub(super) fn write_answer(&mut self, from: usize, text: &str) {
        if !self.live {
            return;
        }
        self.clear();
        let before = self.answer.as_ref().map(|answer| answer.text.as_str()).unwrap_or_default();
        let whole: String = before.chars().take(from).chain(visible(text).chars()).collect();
        self.show_answer(&whole);
    }

    /// Ends an answer with its whole text. Shows only what was not shown.
    pub(super) fn end_answer(&mut self, text: &str) {
        let text = visible(text.trim());
        match self.answer.take() {
            Some(answer) if text.starts_with(answer.text.trim()) => {
                self.answer = Some(answer);
                self.show_answer(&text);
                self.settle();
            }
            answer => {
                self.answer = answer;
                self.part();
                self.say(Style::Plain, text);
            }
        }
    }

    fn show_answer(&mut self, whole: &str) {
        let whole = whole.trim_start();
        let goes_on = self.answer.as_ref().is_some_and(|answer| {
            let shown = answer.text.trim_end();
            whole.starts_with(&answer.text) || whole == shown || answer.text.starts_with(whole)
        });
        if !goes_on {
            self.part();
            if whole.is_empty() {
                return;
            }
            self.answer = Some(Answer { text: String::new(), flow: Flow::new(self.width, 0, 0) });
        }
        let Some(answer) = &mut self.answer else { return };
        let Some(more) = whole.strip_prefix(&answer.text) else { return };
        let shown = answer.flow.push(more);
        answer.text.push_str(more);
        self.blank = false;
        self.write(&shown);
    }

    /// Says what goes on; nothing when nothing does.
    pub(super) fn activity(&mut self, words: &str) {
        let words = visible(words).replace('\n', " ");
        if words != self.activity {
            self.activity = words;
            self.draw();
        }
    }

    /// Lets the changing line change.
    pub(super) fn tick(&mut self) {
        self.turned = (self.turned + 1) % TURNING.len();
        self.draw();
    }

    /// Ends the line that is being written, and takes the changing one away.
    pub(in crate::cli) fn settle(&mut self) {
        self.clear();
        if let Some(mut answer) = self.answer.take() {
            let rest = answer.flow.end();
            self.write(&format!("{rest}\n"));
        }
    }

    fn draw(&mut self) {
        if !self.live || self.answer.is_some() || self.activity.is_empty() {
            return self.clear();
        }
        // The last column stays free: a terminal may break the line there.
        let room = self.width.saturating_sub(4);
        let words: String = self.activity.chars().take(room).collect();
        let (painted, width) =
            (self.paint(Style::Dim, &format!("{} {words}", TURNING[self.turned])), words.chars().count() + 2);
        let rest = " ".repeat(self.shown.saturating_sub(width));
        self.write(&format!("\r{painted}{rest}"));
        self.shown = width;
    }

    fn clear(&mut self) {
        if self.shown > 0 {
            self.write(&format!("\r{}\r", " ".repeat(self.shown)));
            self.shown = 0;
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.coloured && !text.is_empty() { style.paint(text) } else { text.to_owned() }
    }

    fn write(&mut self, text: &str) {
        if !self.closed {
            // A reader such as `head` that has gone is no error.
            self.closed = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush()).is_err();
        }
    }
}
