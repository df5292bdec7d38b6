//! A conversation in a terminal: following the answer as it is written, and showing what comes.
//!
//! What is shown is decided here, and nowhere what is so: threads, messages and cards are the server's. Everything that
//! is shown goes through [`Screen`], which lets nothing of it command the terminal.

mod card;
mod decide;
mod editor;
mod follow;
mod heard;
mod messages;
mod said;
mod screen;
mod style;
#[cfg(test)]
mod tests;
mod wrap;

pub(super) use card::framed;
pub(super) use decide::{confirm, next_run, next_steps, reject};
pub(super) use editor::{Editor, Typed};
pub(super) use follow::{Audience, Came, Conversation, Ended, Interrupts, is_lost};
pub(super) use heard::{Heard, Listening};
pub(super) use messages::message;
pub(super) use said::{Asked, HELP, Said, said};
pub(super) use screen::Screen;
pub(super) use style::{Line, Style};
