//! How many tokens a request can have at most.

/// What a model's template puts around all messages.
const AROUND_ALL: u64 = 256;
/// What it puts around each message and each tool.
const AROUND_EACH: u64 = 32;

/// The most tokens that a request of so many bytes and parts can have.
///
/// Tokenizers fall back to single bytes, so no text has more tokens than bytes. That is some four times what plain text
/// really has: a reservation is too high, never too low, and is settled with the true number.
pub const fn tokens_at_most(bytes: usize, parts: usize) -> u64 {
    (bytes as u64).saturating_add((parts as u64).saturating_mul(AROUND_EACH)).saturating_add(AROUND_ALL)
}
