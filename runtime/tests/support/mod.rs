//! What the tests of the real server share: starting it, killing it, asking it, and waiting for what it does.
#![allow(dead_code, reason = "each test binary uses its own part of this")]

pub(crate) mod authority;
pub(crate) mod chance;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod home;
pub(crate) mod mailbox;
pub(crate) mod place;
pub(crate) mod postgres;
pub(crate) mod processes;
pub(crate) mod recorder;
pub(crate) mod server;
pub(crate) mod tls_host;
pub(crate) mod wait;
pub(crate) mod webhook;
