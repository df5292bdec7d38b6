//! The jail: every attempt is a process of its own, forked from a warm one, and killed from outside.
//!
//! `zygote_main` runs in the warm process, which has an empty environment, one socket and one thread. `Jail` is the
//! host's side: it keeps such a process alive, asks it for forks, talks to these in bounded frames, and kills each
//! that computes for too long.

mod attempt;
mod child;
mod control;
mod death;
mod host;
mod keeper;
mod kill;
mod line;
mod memory;
#[cfg(target_os = "linux")]
mod seccomp;
mod signals;
mod socket;
mod spares;
mod watchdog;
mod zygote;

pub use attempt::Attempt;
pub(crate) use death::die_with_parent;
pub use host::{Jail, Start};
pub use zygote::{ZYGOTE_ARGUMENT, zygote_main};
