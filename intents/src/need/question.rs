//! Questions that a script puts to the person: their options, what may be answered, and what follows when nobody answers.

use std::fmt;

use serde_json::Value;

use super::{Choice, Kind, default_choice};

/// The most options of a question: more are not chosen from, but searched through.
pub const OPTIONS_MAX: usize = 8;
/// The names of the options, whatever they say.
const NAMES: [&str; OPTIONS_MAX] =
    ["option_1", "option_2", "option_3", "option_4", "option_5", "option_6", "option_7", "option_8"];

/// Which option of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nth(u8);

impl Nth {
    /// All that a question may have, the first first.
    pub const ALL: [Self; OPTIONS_MAX] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5), Self(6), Self(7)];

    /// Where it stands, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The stable name: `option_1` for the first.
    pub const fn as_str(self) -> &'static str {
        NAMES[self.index()]
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The options of a question, as they stand in what is known about a need. Of any other kind there are none.
pub fn options(kind: Kind, evidence: &Value) -> Vec<&str> {
    let listed = evidence["options"].as_array().filter(|_| kind == Kind::Decide);
    listed.into_iter().flatten().filter_map(Value::as_str).take(OPTIONS_MAX).collect()
}

/// What may be answered to one need: of the options those that its question has.
pub fn choices_of(kind: Kind, evidence: &Value) -> Vec<Choice> {
    let count = options(kind, evidence).len();
    let offered = kind.choices().iter().copied();
    offered.filter(|choice| choice.option().is_none_or(|nth| nth.index() < count)).collect()
}

/// The option with these words.
pub fn option_with(kind: Kind, evidence: &Value, words: &str) -> Option<Choice> {
    let at = options(kind, evidence).iter().position(|option| *option == words)?;
    Nth::ALL.get(at).copied().map(Choice::Chosen)
}

/// What a choice means to the person: the words of an option, and none where its name says it.
pub fn words_of(kind: Kind, evidence: &Value, choice: Choice) -> Option<String> {
    let nth = choice.option()?;
    options(kind, evidence).get(nth.index()).map(ToString::to_string)
}

/// The answer that one need ends with when nobody gives one: of a question the option that it names for that.
pub fn default_of(kind: Kind, evidence: &Value) -> Option<Choice> {
    let otherwise = evidence["otherwise"].as_str().and_then(|words| option_with(kind, evidence, words));
    otherwise.or_else(|| default_choice(kind))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked() -> Value {
        json!({ "options": ["Giro", "Savings"], "otherwise": "Savings" })
    }

    #[test]
    fn a_question_offers_its_options_and_to_leave_it_open() {
        let offered: Vec<_> = choices_of(Kind::Decide, &asked()).into_iter().map(Choice::as_str).collect();
        assert_eq!(offered, ["option_1", "option_2", "dismiss", "stop"]);
        let erased: Vec<_> = choices_of(Kind::Decide, &json!({ "erased": true })).into_iter().collect();
        assert_eq!(erased, [Choice::Dismiss, Choice::Stop], "what nobody can read nobody can choose");
        assert_eq!(choices_of(Kind::Settle, &asked()), Kind::Settle.choices());
    }

    #[test]
    fn an_option_is_found_by_its_words_and_says_them() {
        let second = option_with(Kind::Decide, &asked(), "Savings").unwrap();
        assert_eq!(second, Choice::Chosen(Nth::ALL[1]));
        assert_eq!(words_of(Kind::Decide, &asked(), second).as_deref(), Some("Savings"));
        assert_eq!(option_with(Kind::Decide, &asked(), "savings"), None);
        assert_eq!(option_with(Kind::Grant, &asked(), "Savings"), None);
    }

    #[test]
    fn nobody_answers_what_the_question_says_for_that() {
        assert_eq!(default_of(Kind::Decide, &asked()), Some(Choice::Chosen(Nth::ALL[1])));
        assert_eq!(default_of(Kind::Decide, &json!({ "options": ["a", "b"] })), Some(Choice::Dismiss));
        assert_eq!(default_of(Kind::Grant, &json!({})), Some(Choice::Stop));
    }
}
