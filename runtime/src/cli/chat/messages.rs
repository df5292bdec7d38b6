//! Messages as they are shown: to a person line by line, to a program as JSON.

use super::card::card;
use super::follow::{Audience, Came};
use super::screen::Screen;
use super::style::{Line, Style};
use crate::api::MessageView;
use crate::cli::out::Out;

/// Shows a message. What an answer has shown while it was written is not shown again.
pub(in crate::cli) fn message(screen: &mut Screen, message: &MessageView) {
    match message.kind.as_str() {
        "user" => {
            screen.part();
            screen.line(&Line::marked(Style::Host, "› ", Style::Strong, message.text.clone()));
        }
        "assistant" => screen.end_answer(&message.text),
        "question" => {
            screen.end_answer(&message.text);
            for (number, choice) in (1..).zip(&message.choices) {
                screen.line(&Line::marked(Style::Host, format!("  {number}  "), Style::Plain, choice.clone()));
            }
        }
        "card" => {
            screen.part();
            if let Some(shown) = &message.card {
                screen.lines(&card(shown));
            }
        }
        "tool" => {
            let ok = message.tool.as_ref().is_none_or(|tool| tool.ok);
            let (style, mark) = if ok { (Style::Dim, "  · ") } else { (Style::Careful, "  ✗ ") };
            screen.line(&Line::marked(style, mark, Style::Dim, message.text.clone()));
        }
        // What the host says, and what later versions will say.
        _ => {
            screen.part();
            screen.line(&Line::marked(Style::Host, "Steward: ", Style::Plain, message.text.clone()));
        }
    }
    if message.cut_off {
        screen.say(Style::Dim, "(cut off)");
    }
    if message.recorded && !std::mem::replace(&mut screen.told_recorded, true) {
        screen.say(Style::Dim, "(From a recording, as all answers of this provider: no model was asked.)");
    }
}

impl Audience for Screen {
    fn take(&mut self, came: Came) {
        match came {
            Came::Message(said, _) => message(self, &said),
            Came::Partial { from, text } => self.write_answer(from, &text),
            Came::Activity(words) => self.activity(&words),
            Came::Lost => {
                self.part();
                self.say(Style::Careful, "The server is gone. Waiting for it; start it with `steward serve`.");
                self.activity("waits for the server");
            }
            Came::Back => self.say(Style::Dim, "It is back, and nothing is lost."),
        }
    }

    fn tick(&mut self) {
        self.tick();
    }

    fn is_gone(&self) -> bool {
        self.is_closed()
    }
}

/// Messages as JSON, one on a line.
impl Audience for Out {
    fn take(&mut self, came: Came) {
        match came {
            Came::Message(_, whole) => self.compact(&whole),
            Came::Partial { .. } | Came::Activity(_) | Came::Lost | Came::Back => {}
        }
    }

    fn tick(&mut self) {}

    fn is_gone(&self) -> bool {
        self.is_closed()
    }
}
