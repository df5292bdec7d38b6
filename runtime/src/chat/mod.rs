//! Conversations: threads with their messages, the steps of the planner in them, and the cards that people confirm.
//!
//! What a person sees of a thread are its **messages**. What the model sees are its **steps**: what the person said, what
//! the model answered, what its tool calls came to. Both are rows, written in one commit, so that they never tell two
//! stories. This module knows what they are; [`crate::store`] keeps them, and [`crate::planner`] makes them.

mod card;
mod live;
mod message;
mod step;
mod thread;

pub use card::{Card, CardBody, CardState, ChangeLine};
pub use live::{Live, Partial};
pub use message::{ChatMessage, MessageBody, MessageKind, NewMessage, ToolLine};
pub use step::{RecordedCall, Step, StepRow};
pub(crate) use thread::room_of_thread;
pub use thread::{Thread, ThreadState};
