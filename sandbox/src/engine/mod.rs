//! The script engine, made deterministic: what runs inside the process of an attempt.

pub(crate) mod canonical;
mod chance;
mod describe;
pub(crate) mod heap;
pub(crate) mod inbox;
pub(crate) mod interrupt;
mod natives;
pub(crate) mod outbox;
mod prelude;
mod raw;
pub(crate) mod rejections;
mod run;
mod session;
mod warm;

pub(crate) use prelude::digest as prelude_digest;
pub(crate) use raw::use_up_blocks;
pub(crate) use warm::{Warm, warm_up};
