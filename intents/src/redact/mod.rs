//! Copies without secrets, for logs, events, prompts and exports.
//!
//! Three things are masked: places that a tool declares, members whose name says that they hold a secret, and text
//! that looks like one. Masking keeps the kind of each value, so that what a copy looks like still tells what
//! happened: a text becomes `[redacted]`, a number 0, a declared boolean `false`; lists and objects keep their shape.
//!
//! Redaction is total and bounded, and doing it twice is doing it once. It is a net, not a proof: what must stay
//! secret does not enter a journal in the first place.

mod check_digits;
mod names;
mod text;
mod tokens;
mod value;

pub use text::{MASK, redact_text};
pub use tokens::Tokens;
pub use value::redact;

/// What is masked beside secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Credentials and card numbers: for copies that stay with the user.
    Secrets,
    /// Also what points to people: mail addresses and bank accounts. For what leaves the machine or is kept for long.
    People,
}
