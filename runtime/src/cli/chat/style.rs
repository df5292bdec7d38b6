//! How a line looks.

use unicode_width::UnicodeWidthStr;

/// What a piece of text is, for the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Style {
    /// What is said.
    Plain,
    /// What matters less: what the planner did on its way.
    Dim,
    /// What is looked for first.
    Strong,
    /// What Steward stands for, and what went well.
    Good,
    /// What to look at twice.
    Careful,
    /// What Steward says itself.
    Host,
}

impl Style {
    /// Text as a terminal shows it so.
    pub(super) fn paint(self, text: &str) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Dim => "2",
            Self::Strong => "1",
            Self::Good => "32",
            Self::Careful => "33",
            Self::Host => "36",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// A line before it is broken into lines of the terminal. Those after the first begin below its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Line {
    /// What stands before the text, such as the border of a card.
    pub(super) border: &'static str,
    /// What stands before the text once.
    pub(super) mark: String,
    pub(super) mark_style: Style,
    pub(super) text: String,
    pub(super) style: Style,
}

impl Line {
    /// A line of text.
    pub(in crate::cli) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { border: "", mark: String::new(), mark_style: Style::Plain, text: text.into(), style }
    }

    /// Text behind a mark.
    pub(in crate::cli) fn marked(
        mark_style: Style,
        mark: impl Into<String>,
        style: Style,
        text: impl Into<String>,
    ) -> Self {
        Self { mark: mark.into(), mark_style, ..Self::new(style, text) }
    }

    /// The line inside a frame.
    pub(super) fn within(self, border: &'static str) -> Self {
        Self { border, ..self }
    }

    pub(super) fn indent(&self) -> usize {
        self.border.width() + self.mark.width()
    }
}
