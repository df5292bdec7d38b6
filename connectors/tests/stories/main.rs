//! What the tools promise, told against real servers on this machine and real folders.

#![expect(clippy::unwrap_used, reason = "a helper of the tests that panics is a failed test")]

mod definitions;
mod egress;
mod email;
mod files;
mod http;
mod support;
mod tls;
mod vault;
