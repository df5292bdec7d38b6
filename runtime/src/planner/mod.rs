//! The planner: talks with a person in a thread, and turns what they want into an automation that they can confirm.
//!
//! An actor admits threads in which there is work; each is a task of its own. A task looks at the steps of its thread,
//! decides by `intents::chat` what comes next, does it, and stores it as a step, so that a server which dies anywhere goes
//! on where it stood: nothing is asked of a model twice. What the model says is shown; what it wants done goes through the
//! tools in here, and none of them activates, confirms, approves, grants or tells a secret. Whatever the model proposes
//! becomes a card, and only the person's confirmation makes it live.

mod actor;
pub(crate) mod conversation;
mod door;
mod prompt;
mod session;
mod tools;

pub use actor::Planner;
pub use door::Door;
