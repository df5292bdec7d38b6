//! What the user is told outside of Steward's own screens, and when: what goes together, what waits for the morning, what
//! is tried again, and what must not be.

mod channel;
mod daily;
mod delivery;
mod tell;

pub use channel::{Channel, Kind};
pub use daily::Daily;
pub use delivery::{ATTEMPTS_MAX, After, Sent, State, after, on_start};
pub use tell::{GROUP_DEFAULT, Rules, SUBJECTS_MAX, Waiting, When, digest_due, tell};
