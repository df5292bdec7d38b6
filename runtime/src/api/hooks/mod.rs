//! Webhooks: signed requests from outside that start runs.

mod delivery;
mod signature;

pub(super) use delivery::{__path_deliver, deliver};
