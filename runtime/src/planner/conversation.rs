//! The steps of a thread as a model is told them, and where a turn stands by them.

use intents::chat::{Progress, Spent};
use intents::model::Cost;

use crate::chat::{Step, StepRow, Thread};
use crate::models::Message;

/// Characters that a model is told at most, the newest of them: more than the largest models take.
const CHARS_MAX: usize = 1_200_000;
/// Characters that are left of what a tool gave in an earlier turn.
const OLD_RESULT_CHARS: usize = 2_000;
/// What a call that was given up came to.
const GIVEN_UP: &str = "It was not carried out: the turn was cut off before.";

/// Where the turn stands.
pub(crate) fn progress(steps: &[StepRow]) -> Progress {
    let mut results = 0;
    let mut rests = false;
    for row in steps.iter().rev() {
        match &row.step {
            Step::User { .. } | Step::Host { .. } => return Progress::Unheard,
            Step::Result { rests: rested, .. } => {
                results += 1;
                rests |= *rested;
            }
            Step::Answer { calls, .. } if results < calls.len() => return Progress::Called(results),
            Step::Answer { calls, .. } if calls.is_empty() || rests => return Progress::Said,
            Step::Answer { .. } => return Progress::Unheard,
        }
    }
    Progress::Said
}

/// What the turn has taken since its allowance began.
pub(super) fn spent(thread: &Thread, steps: &[StepRow], now: intents::Timestamp) -> Spent {
    let mut spent = Spent { time: now.since(thread.allowance_at), ..Spent::default() };
    for row in steps.iter().filter(|row| row.number > thread.allowance_step) {
        match &row.step {
            Step::Answer { .. } => spent.answers += 1,
            Step::Result { .. } => spent.calls += 1,
            Step::User { .. } | Step::Host { .. } => {}
        }
        spent.tokens += row.tokens.input + row.tokens.output;
        spent.cost = Cost::plus(spent.cost, row.cost);
    }
    spent
}

/// Everything that the person said.
pub(super) fn said_by_user(steps: &[StepRow]) -> Vec<&str> {
    let texts = steps.iter().filter_map(|row| match &row.step {
        Step::User { text } => Some(text.as_str()),
        Step::Host { .. } | Step::Answer { .. } | Step::Result { .. } => None,
    });
    texts.collect()
}

/// The conversation as a model is told it.
pub(crate) fn messages(system: String, steps: &[StepRow]) -> Vec<Message> {
    let turn = steps.iter().rposition(|row| matches!(row.step, Step::User { .. })).unwrap_or(0);
    let mut messages: Vec<Message> = Vec::new();
    for (index, row) in steps.iter().enumerate() {
        match &row.step {
            Step::User { text } => {
                answer_open_calls(&mut messages);
                messages.push(Message::user(text));
            }
            Step::Host { text } => {
                answer_open_calls(&mut messages);
                messages.push(Message::user(format!("[Steward says:] {text}")));
            }
            Step::Answer { text, calls } => {
                answer_open_calls(&mut messages);
                messages.push(Message::Assistant { text: text.clone(), calls: calls.clone() });
            }
            Step::Result { call, text, .. } => {
                let text = if index < turn { shortened(text, OLD_RESULT_CHARS) } else { text.clone() };
                messages.push(Message::Tool { call: call.clone(), text });
            }
        }
    }
    answer_open_calls(&mut messages);
    newest(&mut messages);
    messages.insert(0, Message::system(system));
    messages
}

/// Endpoints want an answer to each call before anything else is said.
fn answer_open_calls(messages: &mut Vec<Message>) {
    let mut answered = Vec::new();
    for message in messages.iter().rev() {
        match message {
            Message::Tool { call, .. } => answered.push(call.clone()),
            Message::Assistant { calls, .. } => {
                let open = calls.iter().filter(|call| !answered.contains(&call.id));
                let open: Vec<_> =
                    open.map(|call| Message::Tool { call: call.id.clone(), text: GIVEN_UP.to_owned() }).collect();
                messages.extend(open);
                return;
            }
            Message::System { .. } | Message::User { .. } => return,
        }
    }
}

/// Drops the oldest messages until the rest is short enough: whole turns, so that no answer stands without its question.
fn newest(messages: &mut Vec<Message>) {
    let mut chars: usize = messages.iter().map(length).sum();
    while chars > CHARS_MAX {
        let next = messages.iter().skip(1).position(|message| matches!(message, Message::User { .. }));
        let Some(next) = next else { return };
        chars -= messages.drain(..=next).map(|message| length(&message)).sum::<usize>();
    }
}

fn length(message: &Message) -> usize {
    match message {
        Message::System { text } | Message::User { text } | Message::Tool { text, .. } => text.len(),
        Message::Assistant { text, calls } => {
            let arguments = |call: &crate::models::ToolCall| match &call.arguments {
                crate::models::Arguments::Json(value) => value.to_string().len(),
                crate::models::Arguments::Broken(text) => text.len(),
            };
            text.len() + calls.iter().map(arguments).sum::<usize>()
        }
    }
}

/// The beginning of a text, with a word that there was more.
pub(crate) fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\n… (cut here; it has {} characters)", &text[..end], text.chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use intents::model::Tokens;
    use serde_json::json;

    use super::*;
    use crate::models::{Arguments, ToolCall};

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.to_owned(), name: "explore".to_owned(), arguments: Arguments::Json(json!({})), offered: true }
    }

    fn rows(steps: Vec<Step>) -> Vec<StepRow> {
        let row = |(number, step)| StepRow { number, step, cost: Cost::ZERO, tokens: Tokens::default() };
        (1..).zip(steps).map(row).collect()
    }

    fn user(text: &str) -> Step {
        Step::User { text: text.to_owned() }
    }

    fn answer(calls: &[&str]) -> Step {
        Step::Answer { text: String::new(), calls: calls.iter().map(|id| call(id)).collect() }
    }

    fn result(call: &str, rests: bool) -> Step {
        let (call, tool, text) = (call.to_owned(), "explore".to_owned(), "x".repeat(3 * OLD_RESULT_CHARS));
        Step::Result { call, tool, text, rests, recorded: Vec::new() }
    }

    #[test]
    fn a_turn_goes_on_where_its_steps_end() {
        for (steps, expected) in [
            (vec![user("a")], Progress::Unheard),
            (vec![user("a"), answer(&[])], Progress::Said),
            (vec![user("a"), answer(&["1", "2"])], Progress::Called(0)),
            (vec![user("a"), answer(&["1", "2"]), result("1", false)], Progress::Called(1)),
            (vec![user("a"), answer(&["1", "2"]), result("1", true), result("2", false)], Progress::Said),
            (vec![user("a"), answer(&["1"]), result("1", false)], Progress::Unheard),
            (vec![user("a"), answer(&["1"]), user("b")], Progress::Unheard),
            (vec![], Progress::Said),
        ] {
            assert_eq!(progress(&rows(steps.clone())), expected, "{steps:?}");
        }
    }

    #[test]
    fn every_call_has_an_answer_before_the_next_word() {
        let told = messages("s".to_owned(), &rows(vec![user("a"), answer(&["1", "2"]), result("1", false), user("b")]));
        let roles: Vec<_> = told
            .iter()
            .map(|message| match message {
                Message::System { .. } => "system",
                Message::User { .. } => "user",
                Message::Assistant { .. } => "assistant",
                Message::Tool { .. } => "tool",
            })
            .collect();
        assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user"]);
        assert!(matches!(&told[4], Message::Tool { call, text } if call == "2" && text == GIVEN_UP));
        assert!(matches!(&told[3], Message::Tool { text, .. } if text.len() < 2 * OLD_RESULT_CHARS), "it is old");
    }

    #[test]
    fn what_is_too_long_loses_its_oldest_turns() {
        let long = "y".repeat(CHARS_MAX / 2);
        let told = messages("s".to_owned(), &rows(vec![user(&long), answer(&[]), user(&long), answer(&[]), user("z")]));
        assert_eq!(told.iter().filter(|message| matches!(message, Message::User { .. })).count(), 2);
        assert!(matches!(&told[1], Message::User { .. }), "it begins with a question");
    }
}
