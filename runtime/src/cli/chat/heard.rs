//! What was heard of a thread, as far as it matters for what can be said next.

use std::time::Duration;

use super::follow::{Audience, Came};
use super::said::Asked;
use crate::api::{MessageView, ThreadCardView, ThreadView};

/// What matters of all that was heard.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Heard {
    /// The last card.
    pub(in crate::cli) card: Option<ThreadCardView>,
    choices: Vec<String>,
}

impl Heard {
    /// Hears a message.
    pub(in crate::cli) fn message(&mut self, message: &MessageView) {
        if let Some(card) = &message.card {
            self.card = Some(card.clone());
        }
        self.choices.clone_from(&message.choices);
    }

    /// What a thread that waits for the user waits for.
    pub(in crate::cli) fn asked(&self, thread: &ThreadView) -> Asked {
        match thread.state.as_str() {
            "asking" => Asked::Question(self.choices.clone()),
            "cut_off" => Asked::GoingOn,
            _ if self.open_card().is_some() => Asked::Card,
            _ => Asked::Anything,
        }
    }

    /// The card that waits for a yes or no.
    pub(in crate::cli) fn open_card(&self) -> Option<&ThreadCardView> {
        self.card.as_ref().filter(|card| card.state == "proposed")
    }
}

/// Passes on what comes, and hears it.
#[derive(Debug)]
pub(in crate::cli) struct Listening<'a, A> {
    /// Who is told.
    pub(in crate::cli) audience: &'a mut A,
    /// What was heard.
    pub(in crate::cli) heard: &'a mut Heard,
    /// Whether what the user said is passed on, too: not to whom has typed it.
    pub(in crate::cli) echo: bool,
}

impl<A: Audience> Audience for Listening<'_, A> {
    fn take(&mut self, came: Came) {
        if let Came::Message(message, _) = &came {
            self.heard.message(message);
            if message.kind == "user" && !self.echo {
                return;
            }
        }
        self.audience.take(came);
    }

    fn tick(&mut self) {
        self.audience.tick();
    }

    fn is_gone(&self) -> bool {
        self.audience.is_gone()
    }

    fn pause(&self) -> Duration {
        self.audience.pause()
    }
}
