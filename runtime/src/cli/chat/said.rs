//! What a typed line means, by what the thread waits for.

use super::style::{Line, Style};

/// What the thread waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) enum Asked {
    /// Whatever the user says next.
    #[default]
    Anything,
    /// The answer to a question.
    Question(Vec<String>),
    /// A yes or no to the card.
    Card,
    /// That the answer goes on, which was cut off.
    GoingOn,
}

/// What a typed line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Said {
    /// Nothing.
    Nothing,
    /// A message.
    Message(String),
    /// The card is what the user wants.
    Confirm {
        /// At first in shadow: everything but the effects.
        shadow: bool,
    },
    /// The card is not what the user wants.
    Reject,
    /// The answer is to go on.
    GoOn,
    /// Contract and script of the card.
    Code,
    /// What the thread has cost.
    Cost,
    /// What can be said.
    Help,
    /// Enough.
    Leave,
    /// Something that may mean one thing or the other, and what to type.
    Unclear(&'static str),
}

/// What a line means.
pub(in crate::cli) fn said(line: &str, asked: &Asked) -> Said {
    let line = line.trim();
    if line.is_empty() {
        return Said::Nothing;
    }
    let word = line.to_lowercase();
    if line.starts_with('/') {
        return match word.as_str() {
            "/code" => Said::Code,
            "/cost" => Said::Cost,
            "/continue" => Said::GoOn,
            "/help" | "/?" => Said::Help,
            "/quit" | "/exit" | "/q" => Said::Leave,
            _ => Said::Unclear("There is no such command; `/help` lists them."),
        };
    }
    match asked {
        Asked::Card => match word.as_str() {
            "confirm" => Said::Confirm { shadow: false },
            "shadow" => Said::Confirm { shadow: true },
            "reject" => Said::Reject,
            // A card is never confirmed by a word that is said in passing.
            "y" | "yes" | "ok" | "okay" => Said::Unclear("To make it live, type `confirm`."),
            "n" | "no" => Said::Unclear("To throw it away, type `reject`; or say what to change."),
            _ => Said::Message(line.to_owned()),
        },
        Asked::Question(choices) => {
            let chosen = line.parse::<usize>().ok().and_then(|number| choices.get(number.checked_sub(1)?));
            Said::Message(chosen.map_or(line, String::as_str).to_owned())
        }
        Asked::Anything | Asked::GoingOn => Said::Message(line.to_owned()),
    }
}

impl Asked {
    /// What can be typed now.
    pub(in crate::cli) fn hint(&self) -> Option<Line> {
        let hint = match self {
            Self::Anything => return None,
            Self::Question(choices) if choices.is_empty() => return None,
            Self::Question(_) => "A number, or your own words.",
            Self::Card => "confirm · shadow (try it without effects first) · reject · or say what to change",
            Self::GoingOn => "/continue lets the answer go on; or say something else.",
        };
        Some(Line::new(Style::Dim, hint))
    }
}

/// What can be typed, and what it does.
pub(in crate::cli) const HELP: [(&str, &str); 8] = [
    ("confirm", "makes the last card live"),
    ("shadow", "makes it live without effects, to see what it would do"),
    ("reject", "throws the last card away"),
    ("/code", "shows the contract and the script of the last card"),
    ("/cost", "says what this chat has cost"),
    ("/continue", "lets an answer go on that was cut off"),
    ("/help", "shows this"),
    ("Ctrl-C", "interrupts an answer; at the prompt it leaves, as /quit does"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_confirmed_by_one_word_and_by_no_other() {
        assert_eq!(said(" Confirm ", &Asked::Card), Said::Confirm { shadow: false });
        assert_eq!(said("shadow", &Asked::Card), Said::Confirm { shadow: true });
        for other in ["yes", "ok", "Y"] {
            assert!(matches!(said(other, &Asked::Card), Said::Unclear(_)), "{other}");
        }
        let change = "confirm, but at eight";
        assert_eq!(said(change, &Asked::Card), Said::Message(change.to_owned()));
        assert_eq!(said("confirm", &Asked::Anything), Said::Message("confirm".to_owned()), "there is no card");
    }

    #[test]
    fn a_question_is_answered_by_number_or_in_words() {
        let asked = Asked::Question(vec!["at 7".to_owned(), "at 8".to_owned()]);
        assert_eq!(said("2", &asked), Said::Message("at 8".to_owned()));
        for words in ["0", "3", "at nine"] {
            assert_eq!(said(words, &asked), Said::Message(words.to_owned()));
        }
        assert_eq!(said("  ", &asked), Said::Nothing);
        assert!(matches!(said("/nonsense", &asked), Said::Unclear(_)));
    }
}
