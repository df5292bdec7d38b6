//! Showing what comes slowly enough to be read: recorded answers come at once.

use std::time::Duration;

use crate::cli::chat::{Audience, Came, Screen};

/// A piece of an answer is some words.
const WORDS: Duration = Duration::from_millis(35);
/// What the planner does is read in passing.
const STEP: Duration = Duration::from_millis(250);

/// A screen that takes its time, where somebody sees it.
pub(super) struct Paced<'a> {
    screen: &'a mut Screen,
    pause: Duration,
}

impl<'a> Paced<'a> {
    pub(super) fn new(screen: &'a mut Screen) -> Self {
        Self { screen, pause: Duration::ZERO }
    }
}

impl Audience for Paced<'_> {
    fn take(&mut self, came: Came) {
        let pause = match &came {
            Came::Partial { .. } => WORDS,
            Came::Message(..) | Came::Activity(_) => STEP,
            Came::Lost | Came::Back => Duration::ZERO,
        };
        self.pause = if self.screen.is_live() { pause } else { Duration::ZERO };
        self.screen.take(came);
    }

    fn tick(&mut self) {
        self.pause = Duration::ZERO;
        Audience::tick(self.screen);
    }

    fn is_gone(&self) -> bool {
        Audience::is_gone(self.screen)
    }

    fn pause(&self) -> Duration {
        self.pause
    }
}
