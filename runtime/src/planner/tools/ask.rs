//! `ask_user`.

use serde::Deserialize;

use super::{Carried, Tool};
use crate::chat::{MessageKind, NewMessage};

/// Characters of a question; a longer one is an essay.
const QUESTION_CHARS: usize = 2_000;
/// Characters of a choice.
const CHOICE_CHARS: usize = 200;
/// Choices of a question.
const CHOICES_MAX: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    question: String,
    #[serde(default)]
    choices: Vec<String>,
}

pub(super) fn ask(ask: Ask) -> Carried {
    let question: String = ask.question.trim().chars().take(QUESTION_CHARS).collect();
    if question.is_empty() {
        return Carried::new(Tool::Ask, false, "Nothing was asked: the question is empty.", "asked nothing");
    }
    let choices = ask.choices.iter().map(|choice| choice.trim().chars().take(CHOICE_CHARS).collect::<String>());
    let mut message = NewMessage::new(MessageKind::Question, question);
    message.body.choices = choices.filter(|choice| !choice.is_empty()).take(CHOICES_MAX).collect();
    let text = "The question was put to the user. Their answer is the next message.".to_owned();
    Carried { text, messages: vec![message], recorded: Vec::new(), card: None, rests: true }
}
