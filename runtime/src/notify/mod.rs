//! Tells the user what waits for them and what has happened, by mail and by a webhook.
//!
//! What is told, when, and what is tried again is decided in `intents/src/notify/`. A notification is a row before it
//! leaves; one that may have arrived is never sent again. In it are links that answer needs once, by whoever holds them.
//! This module does not know what a need asks for: it knows its title, its evidence, and which answers a link may give.

mod asked;
mod desk;
mod digest;
mod notifier;
mod plain;
mod settings;
#[cfg(test)]
mod tests;
mod words;

pub use asked::Asked;
pub use desk::{ChannelState, Desk, Tested};
pub use notifier::{failing_key, start_notifier};
pub use plain::in_lines;
pub use settings::{NAMES, Wanted, check};
pub use words::clock;
