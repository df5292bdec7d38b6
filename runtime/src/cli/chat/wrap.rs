//! Breaking text into lines, word by word, also while it still comes.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text that flows into lines of a width. What is given out ends in whole words, so that none is ever moved again.
#[derive(Debug)]
pub(super) struct Flow {
    width: usize,
    /// Every line but the first begins so far to the right.
    indent: usize,
    column: usize,
    /// Spaces that go before the next word, unless it begins a line.
    spaces: usize,
    word: String,
}

impl Flow {
    /// Begins in a column; the lines after the first begin at the indent.
    pub(super) fn new(width: usize, indent: usize, column: usize) -> Self {
        Self { width: width.max(indent + 8), indent, column, spaces: 0, word: String::new() }
    }

    /// Takes text; gives what can be shown of it by now.
    pub(super) fn push(&mut self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            match c {
                '\n' => {
                    self.flush(&mut out);
                    self.break_line(&mut out);
                }
                ' ' | '\t' => {
                    self.flush(&mut out);
                    self.spaces += 1;
                }
                c => self.word.push(c),
            }
        }
        out
    }

    /// Gives the rest.
    pub(super) fn end(&mut self) -> String {
        let mut out = String::new();
        self.flush(&mut out);
        out
    }

    fn break_line(&mut self, out: &mut String) {
        out.push('\n');
        out.push_str(&" ".repeat(self.indent));
        self.column = self.indent;
        self.spaces = 0;
    }

    fn flush(&mut self, out: &mut String) {
        if self.word.is_empty() {
            return;
        }
        let word = std::mem::take(&mut self.word);
        if self.column > self.indent && self.column + self.spaces + word.width() > self.width {
            self.break_line(out);
        }
        out.push_str(&" ".repeat(self.spaces));
        self.column += std::mem::take(&mut self.spaces);
        // A word that is longer than a line is broken where the line ends.
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if self.column + wide > self.width {
                self.break_line(out);
            }
            out.push(c);
            self.column += wide;
        }
    }
}

/// Breaks text into lines. The first one begins in a column that is taken already.
pub(super) fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let mut flow = Flow::new(width, indent, indent);
    let mut out = flow.push(text.trim_end());
    out.push_str(&flow.end());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_move_to_the_next_line_and_stay_there() {
        assert_eq!(wrapped("one two three four", 9, 0), "one two\nthree\nfour");
        assert_eq!(wrapped("one two three", 12, 4), "one two\n    three");
        assert_eq!(wrapped("a\n  b\n\nc", 20, 0), "a\n  b\n\nc");
        assert_eq!(wrapped("日本語日本語", 8, 0), "日本語日\n本語", "such letters are two columns wide");
        assert_eq!(wrapped("https://books.example/api", 12, 0), "https://book\ns.example/ap\ni");
    }

    #[test]
    fn text_that_comes_in_pieces_looks_like_text_that_came_at_once() {
        let text = "A planner writes what it found, a word at a time.\n  * and lists\n\nand goes on";
        for size in 1..9 {
            let mut flow = Flow::new(16, 2, 2);
            let letters: Vec<char> = text.chars().collect();
            let pieces = letters.chunks(size).map(|piece| flow.push(&piece.iter().collect::<String>()));
            let shown: String = pieces.collect();
            assert_eq!(shown + &flow.end(), wrapped(text, 16, 2), "in pieces of {size}");
        }
    }
}
