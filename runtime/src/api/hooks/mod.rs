//! Webhooks: signed requests from outside that start runs.

mod deliver;
mod signature;

pub(super) use deliver::{__path_deliver, deliver};
